//! Each detector against answers as its metadata service gives them.

use super::*;

#[tokio::test]
async fn env_takes_the_variable_and_what_is_allowed_of_it() {
    let world = with_variables(nowhere(), &[("OTEL_RESOURCE_ATTRIBUTES", "a=b%20c, d = e ")]);
    assert_eq!(detected("", &world).await, json!({"a": "b c", "d": "e"}));
    assert_eq!(detected("env: {allowlist: [d]}", &world).await, json!({"d": "e"}));
    let old = with_variables(nowhere(), &[("OTEL_RESOURCE", "x=y")]);
    assert_eq!(detected("", &old).await, json!({"x": "y"}));
}

#[tokio::test]
async fn system_reads_the_files_of_the_machine() {
    let (_root, world) = with_files(
        nowhere(),
        &[
            ("proc/sys/kernel/hostname", "n1\n"),
            ("etc/hosts", "10.0.0.1 n1.example.org n1\n"),
            ("etc/machine-id", "abc\n"),
            ("etc/os-release", "NAME=Debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian 12\"\n"),
            (
                "proc/cpuinfo",
                "vendor_id : GenuineIntel\ncpu family : 6\nmodel : 85\nstepping : 7\ncache size : 100 KB\n",
            ),
            ("sys/class/net/eth0/flags", "0x1003\n"),
            ("sys/class/net/eth0/ifindex", "2\n"),
            ("sys/class/net/eth0/address", "02:42:ac:11:00:02\n"),
        ],
    );
    let want = json!({"host.name": "n1.example.org", "os.type": "linux"});
    assert_eq!(detected("detectors: [system]", &world).await, want);
    let section = "{detectors: [system], system: {hostname_sources: [os], resource_attributes: {host.id: {enabled: true}, \
        os.type: {enabled: false}, os.version: {enabled: true}, os.description: {enabled: true}, \
        host.cpu.stepping: {enabled: true}, host.cpu.cache.l2.size: {enabled: true}, host.cpu.model.id: {enabled: true}, \
        host.mac: {enabled: true}, host.interface: {enabled: true}}}}";
    let want = json!({"host.name": "n1", "host.id": "abc", "os.version": "12", "os.description": "Debian 12 (n1)",
        "host.cpu.stepping": "7", "host.cpu.cache.l2.size": 100, "host.cpu.model.id": "85",
        "host.mac": "[\"02-42-AC-11-00-02\"]", "host.interface": "[\"eth0\"]"});
    assert_eq!(detected(section, &world).await, want);
}

#[tokio::test]
async fn a_machine_without_a_name_fails() {
    let plan = planned("{detectors: [system], retry: {enabled: false}}");
    let error = plan.detect(&nowhere()).await.unwrap_err();
    assert_eq!(error.to_string(), "all hostname sources failed to get hostname");
}

const EC2: &[(&str, &str, Answer)] = &[
    ("PUT /latest/api/token", "x-aws-ec2-metadata-token-ttl-seconds: 21600", (200, "", "secret")),
    ("GET /latest/meta-data/instance-id", "x-aws-ec2-metadata-token: secret", (200, "", "i-1")),
    (
        "GET /latest/meta-data/hostname",
        "x-aws-ec2-metadata-token: secret",
        (200, "", "ip-10-0-0-1.ec2.internal"),
    ),
    (
        "GET /latest/dynamic/instance-identity/document",
        "x-aws-ec2-metadata-token: secret",
        (
            200,
            "",
            r#"{
        "accountId": "123456789012", "architecture": "x86_64", "availabilityZone": "us-west-2b",
        "imageId": "ami-5fb8c835", "instanceId": "i-1234567890abcdef0", "instanceType": "t2.micro",
        "kernelId": null, "region": "us-west-2", "version": "2017-09-30"}"#,
        ),
    ),
    (
        "GET /latest/meta-data/tags/instance",
        "x-aws-ec2-metadata-token: secret",
        (200, "", "Name\nteam\neks:cluster-name"),
    ),
    (
        "GET /latest/meta-data/tags/instance/team",
        "x-aws-ec2-metadata-token: secret",
        (200, "", "shop"),
    ),
    (
        "GET /latest/meta-data/tags/instance/eks:cluster-name",
        "x-aws-ec2-metadata-token: secret",
        (200, "", "prod"),
    ),
];

#[tokio::test]
async fn ec2_asks_with_a_token() {
    let world = World { base: Some(service(EC2).await), ..nowhere() };
    let mut want = json!({"cloud.provider": "aws", "cloud.platform": "aws_ec2", "cloud.region": "us-west-2",
        "cloud.account.id": "123456789012", "cloud.availability_zone": "us-west-2b", "host.id": "i-1234567890abcdef0",
        "host.image.id": "ami-5fb8c835", "host.type": "t2.micro", "host.name": "ip-10-0-0-1.ec2.internal"});
    assert_eq!(detected("detectors: [ec2]", &world).await, want);
    want["ec2.tag.team"] = "shop".into();
    want.as_object_mut().unwrap().remove("host.name");
    let section = "{detectors: [ec2], ec2: {tags: ['^team$'], tags_from_imds: true, resource_attributes: {host.name: {enabled: false}}}}";
    assert_eq!(detected(section, &world).await, want);
}

#[tokio::test]
async fn tags_come_from_the_api_where_the_instance_does_not_say_them() {
    const API: &[(&str, &str, Answer)] = &[(
        "POST /",
        "/us-west-2/ec2/aws4_request",
        (
            200,
            "",
            "<DescribeTagsResponse><tagSet><item><key>team</key><value>a &amp; b</value></item>\
             <item><key>Name</key><value>n</value></item></tagSet></DescribeTagsResponse>",
        ),
    )];
    const REFUSES: &[(&str, &str, Answer)] = &[(
        "POST /",
        "",
        (
            403,
            "",
            "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>",
        ),
    )];
    const BUSY: &[(&str, &str, Answer)] = &[(
        "POST /",
        "",
        (
            503,
            "",
            "<Response><Errors><Error><Code>RequestLimitExceeded</Code>\
             <Message>Too many &amp; too fast</Message></Error></Errors></Response>",
        ),
    )];
    let section = "{detectors: [ec2], retry: {enabled: false}, ec2: {tags: ['^team$']}}";
    let base = World { base: Some(service(EC2).await), ..nowhere() };
    let asks = |api: &str| {
        let keys = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "x")];
        with_variables(base.clone(), &[keys[0], keys[1], ("AWS_ENDPOINT_URL_EC2", api)])
    };
    let found = detected(section, &asks(&service(API).await)).await;
    assert_eq!((&found["ec2.tag.team"], &found["ec2.tag.Name"]), (&json!("a & b"), &Json::Null));
    let refused = planned(section).detect(&asks(&service(REFUSES).await)).await.unwrap_err();
    let refused = refused.to_string();
    for part in ["failed fetching ec2 instance tags", "UnauthorizedOperation", "ec2:DescribeTags"] {
        assert!(refused.contains(part), "{refused}");
    }
    // What another right does not help against is not answered with it.
    let busy = planned(section).detect(&asks(&service(BUSY).await)).await.unwrap_err();
    let busy = busy.to_string();
    let want = "DescribeTags: RequestLimitExceeded Too many & too fast; without that API";
    assert!(busy.contains(want), "{busy}");
}

#[tokio::test]
async fn an_instance_without_tokens_is_asked_without() {
    const OLD: &[(&str, &str, Answer)] = &[
        ("GET /latest/meta-data/instance-id", "", (200, "", "i-1")),
        ("GET /latest/meta-data/hostname", "", (200, "", "h")),
        ("GET /latest/dynamic/instance-identity/document", "", (200, "", r#"{"region": "r"}"#)),
    ];
    let world = World { base: Some(service(OLD).await), ..nowhere() };
    assert_eq!(detected("detectors: [ec2]", &world).await["cloud.region"], "r");
    let off = with_variables(world, &[("AWS_EC2_METADATA_DISABLED", "true")]);
    assert_eq!(detected("detectors: [ec2]", &off).await, json!({}));
}

#[tokio::test]
async fn eks_is_known_by_the_token_of_its_pods() {
    let variables = [
        ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"),
    ];
    let world = World { base: Some(service(EC2).await), ..nowhere() };
    let world = with_variables(world, &variables);
    let want = json!({"cloud.provider": "aws", "cloud.platform": "aws_eks"});
    assert_eq!(detected("detectors: [eks]", &world).await, want);
    let section = "{detectors: [eks], eks: {resource_attributes: {k8s.cluster.name: {enabled: true}, host.id: {enabled: true}}}}";
    let want = json!({"cloud.provider": "aws", "cloud.platform": "aws_eks", "host.id": "i-1234567890abcdef0",
        "k8s.cluster.name": "prod"});
    assert_eq!(detected(section, &world).await, want);
}

#[tokio::test]
async fn ecs_describes_the_task_and_where_the_others_log() {
    const TASK: &str = r#"{"Cluster": "default", "TaskARN": "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd49d6b527399fd6414f5c",
        "Family": "curltest", "Revision": "26", "DesiredStatus": "RUNNING", "AvailabilityZone": "us-west-2d", "LaunchType": "FARGATE",
        "Containers": [
          {"DockerId": "598", "Name": "~internal~ecs~pause", "Type": "CNI_PAUSE", "KnownStatus": "RESOURCES_PROVISIONED"},
          {"DockerId": "ee0", "Name": "app", "Type": "NORMAL", "KnownStatus": "RUNNING", "LogDriver": "awslogs",
           "LogOptions": {"awslogs-create-group": "true", "awslogs-group": "/ecs/metadata", "awslogs-region": "us-west-2", "awslogs-stream": "ecs/app/8f0"}},
          {"DockerId": "own", "Name": "collector", "Type": "NORMAL", "KnownStatus": "RUNNING", "LogDriver": "awslogs",
           "LogOptions": {"awslogs-group": "/ecs/own", "awslogs-region": "us-west-2", "awslogs-stream": "ecs/own/1"}}]}"#;
    const ANSWERS: &[(&str, &str, Answer)] = &[
        ("GET /v4/abc/task", "", (200, "", TASK)),
        (
            "GET /v4/abc",
            "",
            (
                200,
                "",
                r#"{"DockerId": "own", "ContainerARN": "arn:aws:ecs:us-west-2:111122223333:container/0206"}"#,
            ),
        ),
    ];
    let endpoint = format!("{}/v4/abc", service(ANSWERS).await);
    let world = with_variables(nowhere(), &[("ECS_CONTAINER_METADATA_URI_V4", &endpoint)]);
    let want = json!({"cloud.provider": "aws", "cloud.platform": "aws_ecs", "cloud.region": "us-west-2",
        "cloud.account.id": "111122223333", "cloud.availability_zone": "us-west-2d",
        "aws.ecs.task.arn": "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd49d6b527399fd6414f5c",
        "aws.ecs.task.id": "158d1c8083dd49d6b527399fd6414f5c", "aws.ecs.task.family": "curltest", "aws.ecs.task.revision": "26",
        "aws.ecs.cluster.arn": "arn:aws:ecs:us-west-2:111122223333:cluster/default", "aws.ecs.launchtype": "fargate",
        "aws.log.group.names": "[\"/ecs/metadata\"]",
        "aws.log.group.arns": "[\"arn:aws:logs:us-west-2:111122223333:log-group:/ecs/metadata\"]",
        "aws.log.stream.names": "[\"ecs/app/8f0\"]",
        "aws.log.stream.arns": "[\"arn:aws:logs:us-west-2:111122223333:log-group:/ecs/metadata:log-stream:ecs/app/8f0\"]"});
    assert_eq!(detected("detectors: [ecs]", &world).await, want);
}

#[tokio::test]
async fn elastic_beanstalk_and_lambda_say_what_they_run() {
    let file =
        r#"{"deployment_id": 23, "environment_name": "BETA", "version_label": "env-version-1234"}"#;
    let (_root, world) =
        with_files(nowhere(), &[("var/elasticbeanstalk/xray/environment.conf", file)]);
    let want = json!({"cloud.provider": "aws", "cloud.platform": "aws_elastic_beanstalk", "service.instance.id": "23",
        "deployment.environment": "BETA", "service.version": "env-version-1234"});
    assert_eq!(detected("detectors: [elastic_beanstalk]", &world).await, want);
    let world = with_variables(
        nowhere(),
        &[
            ("AWS_LAMBDA_FUNCTION_NAME", "TestFunction"),
            ("AWS_REGION", "us-moon-1"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "3"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2020/[$LATEST]1"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/TestFunction"),
        ],
    );
    let want = json!({"cloud.provider": "aws", "cloud.platform": "aws_lambda", "cloud.region": "us-moon-1", "faas.name": "TestFunction",
        "faas.version": "3", "faas.instance": "2020/[$LATEST]1", "aws.log.group.names": "[\"/aws/lambda/TestFunction\"]",
        "aws.log.stream.names": "[\"2020/[$LATEST]1\"]"});
    assert_eq!(detected("detectors: [lambda]", &world).await, want);
}

#[tokio::test]
async fn azure_and_aks_read_the_compute_document() {
    const ANSWERS: &[(&str, &str, Answer)] = &[(
        "GET /metadata/instance/compute?api-version=2020-09-01&format=json",
        "metadata: true",
        (
            200,
            "",
            r#"{"location": "westus", "name": "examplevm", "osProfile": {"adminUsername": "admin", "computerName": "examplehost"},
            "resourceGroupName": "MC_group_shop_westus", "subscriptionId": "8d10", "vmId": "02aa", "vmScaleSetName": "crpteste9",
            "vmSize": "Standard_A3", "zone": "1", "tagsList": [{"name": "team", "value": "shop"}, {"name": "other", "value": "x"}]}"#,
        ),
    )];
    let world = World { base: Some(service(ANSWERS).await), ..nowhere() };
    let want = json!({"cloud.provider": "azure", "cloud.platform": "azure.vm", "host.name": "examplehost", "cloud.region": "westus",
        "host.id": "02aa", "cloud.account.id": "8d10", "azure.vm.name": "examplevm", "azure.vm.size": "Standard_A3",
        "azure.vm.scaleset.name": "crpteste9", "azure.resourcegroup.name": "MC_group_shop_westus", "azure.tag.team": "shop"});
    assert_eq!(detected("{detectors: [azure], azure: {tags: ['^team$']}}", &world).await, want);
    assert_eq!(detected("detectors: [aks]", &world).await, json!({}));
    let world = with_variables(world, &[("KUBERNETES_SERVICE_HOST", "10.0.0.1")]);
    let want = json!({"cloud.provider": "azure", "cloud.platform": "azure.aks", "k8s.cluster.name": "shop"});
    let section =
        "{detectors: [aks], aks: {resource_attributes: {k8s.cluster.name: {enabled: true}}}}";
    assert_eq!(detected(section, &world).await, want);
    let world = with_variables(
        nowhere(),
        &[("CONTAINER_APP_NAME", "app"), ("CONTAINER_APP_REPLICA_NAME", "app--1")],
    );
    let want = json!({"cloud.provider": "azure", "cloud.platform": "azure.container_apps", "service.name": "app",
        "azure.container_app.instance.id": "app--1"});
    assert_eq!(detected("detectors: [azurecontainerapps]", &world).await, want);
}

const GCE: &[(&str, &str, Answer)] = &[
    (
        "GET /computeMetadata/v1/instance/id",
        "metadata-flavor: google",
        (200, "Metadata-Flavor: Google\r\n", "1472385723456792345"),
    ),
    (
        "GET /computeMetadata/v1/project/project-id",
        "metadata-flavor: google",
        (200, "", "my-project"),
    ),
    (
        "GET /computeMetadata/v1/instance/zone",
        "metadata-flavor: google",
        (200, "", "projects/1/zones/us-central1-c"),
    ),
    (
        "GET /computeMetadata/v1/instance/region",
        "metadata-flavor: google",
        (200, "", "projects/1/regions/us-central1"),
    ),
    (
        "GET /computeMetadata/v1/instance/name",
        "metadata-flavor: google",
        (200, "", "my-gke-node-1234"),
    ),
    (
        "GET /computeMetadata/v1/instance/hostname",
        "metadata-flavor: google",
        (200, "", "h.internal"),
    ),
    (
        "GET /computeMetadata/v1/instance/machine-type",
        "metadata-flavor: google",
        (200, "", "n1-standard1"),
    ),
    (
        "GET /computeMetadata/v1/instance/attributes/created-by",
        "metadata-flavor: google",
        (200, "", "projects/1/zones/us-central1-f/instanceGroupManagers/mig-1"),
    ),
    (
        "GET /computeMetadata/v1/instance/attributes/cluster-location",
        "metadata-flavor: google",
        (200, "", "us-central1"),
    ),
    (
        "GET /computeMetadata/v1/instance/attributes/cluster-name",
        "metadata-flavor: google",
        (200, "", "my-cluster"),
    ),
    (
        "GET /computeMetadata/v1/instance/service-accounts/default/token",
        "metadata-flavor: google",
        (200, "", r#"{"access_token": "ya29.abc", "expires_in": 3600}"#),
    ),
    (
        "GET /compute/v1/projects/my-project/zones/us-central1-c/instances/my-gke-node-1234",
        "authorization: bearer ya29.abc",
        (200, "", r#"{"name": "my-gke-node-1234", "labels": {"team": "shop", "other": "x"}}"#),
    ),
];

#[tokio::test]
async fn gcp_tells_its_platforms_apart() {
    let base = World { base: Some(service(GCE).await), ..nowhere() };
    let want = json!({"cloud.provider": "gcp", "cloud.account.id": "my-project", "cloud.platform": "gcp_compute_engine",
        "cloud.availability_zone": "us-central1-c", "cloud.region": "us-central1", "host.type": "n1-standard1",
        "host.id": "1472385723456792345", "host.name": "my-gke-node-1234",
        "gcp.gce.instance_group_manager.name": "mig-1", "gcp.gce.instance_group_manager.zone": "us-central1-f",
        "gcp.gce.instance.labels.team": "shop"});
    assert_eq!(detected("{detectors: [gcp], gcp: {labels: ['^team']}}", &base).await, want);
    let check = async |variables: &[(&str, &str)], want: Json| {
        let got = detected("detectors: [gcp]", &with_variables(base.clone(), variables)).await;
        for (key, value) in want.as_object().unwrap() {
            assert_eq!(got.get(key).unwrap_or(&Json::Null), value, "{key} of {got}");
        }
    };
    check(&[("KUBERNETES_SERVICE_HOST", "x")], json!({"cloud.platform": "gcp_kubernetes_engine", "cloud.region": "us-central1",
        "cloud.availability_zone": null, "k8s.cluster.name": "my-cluster", "host.name": "my-gke-node-1234"})).await;
    check(&[("K_CONFIGURATION", "c"), ("K_SERVICE", "s"), ("K_REVISION", "r")], json!({"cloud.platform": "gcp_cloud_run",
        "faas.name": "s", "faas.version": "r", "faas.instance": "1472385723456792345", "cloud.region": "us-central1"})).await;
    check(&[("CLOUD_RUN_JOB", "j"), ("CLOUD_RUN_EXECUTION", "j-1"), ("CLOUD_RUN_TASK_INDEX", "0")], json!({"faas.name": "j",
        "cloud.platform": "gcp_cloud_run", "gcp.cloud_run.job.execution": "j-1", "gcp.cloud_run.job.task_index": "0"})).await;
    check(
        &[("FUNCTION_TARGET", "f"), ("K_SERVICE", "s")],
        json!({"cloud.platform": "gcp_cloud_functions", "faas.name": "s"}),
    )
    .await;
    check(&[("GAE_SERVICE", "s"), ("GAE_VERSION", "v"), ("GAE_INSTANCE", "i")], json!({"cloud.platform": "gcp_app_engine",
        "faas.name": "s", "faas.version": "v", "faas.instance": "i", "cloud.availability_zone": "us-central1-c"})).await;
    check(
        &[("BMS_PROJECT_ID", "p"), ("BMS_REGION", "r"), ("BMS_INSTANCE_ID", "i")],
        json!({"cloud.account.id": "p",
        "cloud.platform": "gcp_bare_metal_solution", "host.name": "i", "cloud.region": "r"}),
    )
    .await;
}

#[tokio::test]
async fn the_apis_of_clouds_are_asked_through_the_proxy_and_metadata_services_are_not() {
    const PROXY: &[(&str, &str, Answer)] = &[
        (
            "GET /compute/v1/projects/my-project/zones/us-central1-c/instances/my-gke-node-1234",
            "authorization: bearer ya29.abc",
            (200, "", r#"{"labels": {"team": "behind the proxy"}}"#),
        ),
        (
            "POST /",
            "/us-west-2/ec2/aws4_request",
            (200, "", "<tagSet><item><key>team</key><value>behind it</value></item></tagSet>"),
        ),
    ];
    let far = Ways { proxy_url: service(PROXY).await, ..nowhere().far };
    let google = World { base: Some(service(GCE).await), far: far.clone(), ..nowhere() };
    let found = detected("{detectors: [gcp], gcp: {labels: ['^team']}}", &google).await;
    assert_eq!(found["gcp.gce.instance.labels.team"], "behind the proxy");
    let amazon = World { base: Some(service(EC2).await), far, ..nowhere() };
    let amazon = with_variables(
        amazon,
        &[
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("AWS_ENDPOINT_URL_EC2", "http://ec2.invalid"),
        ],
    );
    let found = detected("{detectors: [ec2], ec2: {tags: ['^team$']}}", &amazon).await;
    assert_eq!(found["ec2.tag.team"], "behind it");
}

#[test]
fn the_right_that_the_compute_api_wants_is_named_when_it_is_missing() {
    const PATH: &str =
        "GET /compute/v1/projects/my-project/zones/us-central1-c/instances/my-gke-node-1234";
    const FORBIDS: &[(&str, &str, Answer)] = &[(PATH, "", (403, "", "{}"))];
    const FAILS: &[(&str, &str, Answer)] = &[(PATH, "", (500, "", "{}"))];
    for (answers, is_named) in [(FORBIDS, true), (FAILS, false)] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let look = async {
            let far = Ways { proxy_url: service(answers).await, ..nowhere().far };
            let world = World { base: Some(service(GCE).await), far, ..nowhere() };
            detected("{detectors: [gcp], gcp: {labels: ['^team']}}", &world).await
        };
        let (found, lines) = captured(|| runtime.block_on(look));
        assert_eq!(found["host.name"], "my-gke-node-1234");
        let errors = lines.iter().filter(|it| it.message.contains("labels of the instance"));
        let errors: Vec<&str> = errors.filter_map(|it| it.field("error")).collect();
        assert!(matches!(errors[..], [it] if it.contains("compute.instances.get") == is_named));
    }
}

#[tokio::test]
async fn another_service_at_the_address_is_not_googles() {
    let world = World { base: Some(service(EC2).await), ..nowhere() };
    assert_eq!(detected("detectors: [gcp]", &world).await, json!({}));
}

#[tokio::test]
async fn docker_is_asked_over_its_socket() {
    let folder = tempfile::tempdir().unwrap();
    let docker = folder.path().join("docker.sock");
    let listener = UnixListener::bind(&docker).unwrap();
    componenttest::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let body = match head.split(' ').nth(1).unwrap() {
                "/info" => r#"{"ID": "x", "Name": "hostname", "OSType": "linux"}"#,
                _ => r#"{"Name": "/my-collector", "Config": {"Image": "otel:1"}}"#,
            };
            let text = format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}");
            socket.write_all(text.as_bytes()).await.unwrap();
        }
    });
    let docker = format!("unix://{}", docker.display());
    let world = World { docker, ..nowhere() };
    let want = json!({"host.name": "hostname", "os.type": "linux"});
    assert_eq!(detected("detectors: [docker]", &world).await, want);
    let section = "{detectors: [docker], docker: {resource_attributes: {container.name: {enabled: true}, host.name: {enabled: false}}}}";
    let want = json!({"container.name": "my-collector", "os.type": "linux"});
    assert_eq!(detected(section, &world).await, want);
}

#[tokio::test]
async fn heroku_and_dynatrace_read_variables_and_a_file() {
    let world = with_variables(
        nowhere(),
        &[
            ("HEROKU_DYNO_ID", "foo"),
            ("HEROKU_APP_ID", "appid"),
            ("HEROKU_APP_NAME", "appname"),
            ("HEROKU_RELEASE_CREATED_AT", "2020"),
            ("HEROKU_RELEASE_VERSION", "v1"),
            ("HEROKU_SLUG_COMMIT", "23456"),
        ],
    );
    let want = json!({"cloud.provider": "heroku", "heroku.app.id": "appid", "heroku.release.commit": "23456",
        "heroku.release.creation_timestamp": "2020", "service.instance.id": "foo", "service.name": "appname", "service.version": "v1"});
    assert_eq!(detected("detectors: [heroku]", &world).await, want);
    let file = "dt.entity.host=HOST-1\nhost.name=h\nother=x\nno line\n";
    let (_root, world) = with_files(
        nowhere(),
        &[("var/lib/dynatrace/enrichment/dt_host_metadata.properties", file)],
    );
    assert_eq!(
        detected("detectors: [dynatrace]", &world).await,
        json!({"dt.entity.host": "HOST-1", "host.name": "h"})
    );
}

#[tokio::test]
async fn consul_gives_the_metadata_that_are_asked_for() {
    const ANSWERS: &[(&str, &str, Answer)] = &[(
        "GET /v1/agent/self?dc=dc1",
        "x-consul-token: t",
        (
            200,
            "",
            r#"{"Config": {"Datacenter": "dc1", "NodeName": "n1", "NodeID": "00-11"}, "Meta": {"test": "x", "other": "y"}}"#,
        ),
    )];
    let address = service(ANSWERS).await;
    let section = format!(
        "{{detectors: [consul], consul: {{address: '{address}', datacenter: dc1, token: t, meta: {{test: ''}}}}}}"
    );
    let want = json!({"test": "x", "host.name": "n1", "cloud.region": "dc1", "host.id": "00-11"});
    assert_eq!(detected(&section, &nowhere()).await, want);
}

#[tokio::test]
async fn openshift_names_the_cloud_below() {
    const ANSWERS: &[(&str, &str, Answer)] = &[(
        "GET /apis/config.openshift.io/v1/infrastructures/cluster/status",
        "authorization: bearer secret",
        (
            200,
            "",
            r#"{"status": {"infrastructureName": "test-d-bm4rt", "platformStatus": {"type": "AWS", "aws": {"region": "US-EAST-1"}}}}"#,
        ),
    )];
    let address = service(ANSWERS).await;
    let section = format!(
        "{{detectors: [openshift], openshift: {{address: '{address}', token: secret, tls: {{insecure: true}}}}}}"
    );
    let want = json!({"k8s.cluster.name": "test-d-bm4rt", "cloud.provider": "aws", "cloud.platform": "aws_openshift",
        "cloud.region": "us-east-1"});
    assert_eq!(detected(&section, &nowhere()).await, want);
}

/// Of smaller clouds.
const SMALLER: &[(&str, &str, Answer)] = &[
    ("GET /hetzner/v1/metadata/instance-id", "", (200, "", "42")),
    ("GET /hetzner/v1/metadata/hostname", "", (200, "", "h")),
    ("GET /hetzner/v1/metadata/region", "", (200, "", "eu-central")),
    ("GET /hetzner/v1/metadata/availability-zone", "", (200, "", "fsn1-dc14")),
    (
        "GET /metadata/v1.json",
        "",
        (
            200,
            "",
            r#"{"cloud_name": "upcloud", "droplet_id": 2756294, "hostname": "d", "region": "nyc3", "instance_id": "00"}"#,
        ),
    ),
    (
        "GET /v1.json",
        "",
        (
            200,
            "",
            r#"{"hostname": "v", "instance-v2-id": "a747", "region": {"regioncode": "EWR"}}"#,
        ),
    ),
    (
        "GET /opc/v2/instance/",
        "authorization: bearer oracle",
        (
            200,
            "",
            r#"{"id": "ocid1", "displayName": "n", "shape": "VM.Standard", "canonicalRegionName": "us-ashburn-1", "availabilityDomain": "AD-1", "metadata": {"oke-cluster-display-name": "c"}}"#,
        ),
    ),
    (
        "GET /conf?format=json",
        "",
        (
            200,
            "",
            r#"{"organization": "o", "location": {"zone_id": "fr-par-1"}, "id": "i", "image": {"id": "m", "name": "Ubuntu"}, "name": "s", "commercial_type": "DEV1-S"}"#,
        ),
    ),
    (
        "GET /openstack/latest/meta_data.json",
        "",
        (
            200,
            "",
            r#"{"uuid": "u", "hostname": "h", "project_id": "p", "availability_zone": "nova", "meta": {"team": "shop", "x": "y"}}"#,
        ),
    ),
    ("GET /latest/meta-data/instance-type", "", (200, "", "m1.small")),
    ("PUT /v1/token", "metadata-token-expiry-seconds: 3600", (200, "", "t")),
    (
        "GET /v1/instance",
        "metadata-token: t",
        (
            200,
            "",
            r#"{"id": 7, "label": "l", "region": "us", "type": "g6", "account_euuid": "e", "image": {"id": "i", "label": "il"}}"#,
        ),
    ),
    ("PUT /latest/api/token", "x-aliyun-ecs-metadata-token-ttl-seconds", (200, "", "t")),
    ("GET /latest/meta-data/hostname", "x-aliyun-ecs-metadata-token: t", (200, "", "h")),
    ("GET /latest/meta-data/image-id", "x-aliyun-ecs-metadata-token: t", (200, "", "m")),
    ("GET /latest/meta-data/instance-id", "", (200, "", "i")),
    ("GET /latest/meta-data/instance/instance-type", "", (200, "", "ecs.g6")),
    ("GET /latest/meta-data/owner-account-id", "", (200, "", "1")),
    ("GET /latest/meta-data/region-id", "", (200, "", "cn-hangzhou")),
    ("GET /latest/meta-data/zone-id", "", (200, "", "cn-hangzhou-i")),
    ("GET /latest/meta-data/instance-name", "", (200, "", "name")),
    ("GET /latest/meta-data/instance/image-id", "", (200, "", "img")),
    ("GET /latest/meta-data/app-id", "", (200, "", "app")),
    ("GET /latest/meta-data/placement/region", "", (200, "", "ap-guangzhou")),
    ("GET /latest/meta-data/placement/zone", "", (200, "", "ap-guangzhou-3")),
];

#[tokio::test]
async fn smaller_clouds_are_read_too() {
    let world = World { base: Some(service(SMALLER).await), ..nowhere() };
    for (name, want) in [
        (
            "hetzner",
            json!({"cloud.provider": "hetzner", "host.id": "42", "host.name": "h", "cloud.region": "eu-central", "cloud.availability_zone": "fsn1-dc14"}),
        ),
        (
            "digitalocean",
            json!({"cloud.provider": "digitalocean", "host.id": "2756294", "host.name": "d", "cloud.region": "nyc3"}),
        ),
        (
            "upcloud",
            json!({"cloud.provider": "upcloud", "host.id": "00", "host.name": "d", "cloud.region": "nyc3"}),
        ),
        (
            "vultr",
            json!({"cloud.provider": "vultr", "host.id": "a747", "host.name": "v", "cloud.region": "ewr"}),
        ),
        (
            "oraclecloud",
            json!({"cloud.provider": "oracle_cloud", "cloud.platform": "oracle_cloud_oke", "cloud.region": "us-ashburn-1", "cloud.resource_id": "ocid1",
            "cloud.availability_zone": "AD-1", "host.id": "ocid1", "host.name": "n", "host.type": "VM.Standard", "k8s.cluster.name": "c"}),
        ),
        (
            "scaleway",
            json!({"cloud.provider": "scaleway_cloud", "cloud.platform": "scaleway_cloud_compute", "cloud.account.id": "o", "cloud.region": "fr-par",
            "cloud.availability_zone": "fr-par-1", "host.id": "i", "host.image.id": "m", "host.image.name": "Ubuntu", "host.name": "s", "host.type": "DEV1-S"}),
        ),
    ] {
        assert_eq!(detected(&format!("detectors: [{name}]"), &world).await, want, "{name}");
    }
}

#[tokio::test]
async fn clouds_that_give_tokens_are_read_too() {
    let world = World { base: Some(service(SMALLER).await), ..nowhere() };
    for (name, want) in [
        (
            "akamai",
            json!({"cloud.provider": "akamai_cloud", "cloud.platform": "akamai_cloud.compute", "cloud.account.id": "e", "cloud.region": "us", "host.id": "7",
            "host.image.id": "i", "host.image.name": "il", "host.name": "l", "host.type": "g6"}),
        ),
        (
            "alibaba_ecs",
            json!({"cloud.provider": "alibaba_cloud", "cloud.platform": "alibaba_cloud_ecs", "cloud.account.id": "1", "cloud.region": "cn-hangzhou",
            "cloud.availability_zone": "cn-hangzhou-i", "host.id": "i", "host.image.id": "m", "host.name": "h", "host.type": "ecs.g6"}),
        ),
        (
            "tencent_cvm",
            json!({"cloud.provider": "tencent_cloud", "cloud.platform": "tencent_cloud_cvm", "cloud.account.id": "app", "cloud.region": "ap-guangzhou",
            "cloud.availability_zone": "ap-guangzhou-3", "host.id": "i", "host.image.id": "img", "host.name": "name", "host.type": "ecs.g6"}),
        ),
    ] {
        assert_eq!(detected(&format!("detectors: [{name}]"), &world).await, want, "{name}");
    }
    let want = json!({"cloud.provider": "openstack", "cloud.platform": "openstack_nova", "cloud.account.id": "p", "cloud.availability_zone": "nova",
        "host.id": "u", "host.name": "h", "host.type": "m1.small", "openstack.nova.meta.team": "shop"});
    assert_eq!(detected("{detectors: [nova], nova: {labels: [^team]}}", &world).await, want);
}

#[tokio::test]
async fn k8s_api_without_a_node_says_what_to_do() {
    let plan = planned("{detectors: [k8s_api], retry: {enabled: false}}");
    let error = plan.detect(&nowhere()).await.unwrap_err().to_string();
    assert!(error.contains("check the env variable K8S_NODE_NAME"), "{error}");
}
