//! The attributes of each detector. `processor/resourcedetectionprocessor/internal/*/metadata.yaml`, v0.156.

use crate::attributes::Set;

macro_rules! sets {
    ($($(#[$text:meta])* $name:ident: [$($key:literal $on:literal),* $(,)?])*) => {$(
        $(#[$text])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Set for $name {
            const ALL: &'static [(&'static str, bool)] = &[$(($key, $on)),*];
        }
    )*};
}

sets! {
    /// Of `system`.
    System: [
        "host.arch" false, "host.cpu.cache.l2.size" false, "host.cpu.family" false, "host.cpu.model.id" false,
        "host.cpu.model.name" false, "host.cpu.stepping" false, "host.cpu.vendor.id" false, "host.id" false,
        "host.interface" false, "host.ip" false, "host.mac" false, "host.name" true, "os.build.id" false,
        "os.description" false, "os.name" false, "os.type" true, "os.version" false,
    ]
    /// Of `docker`.
    Docker: ["container.image.name" false, "container.name" false, "host.name" true, "os.type" true]
    /// Of `ec2`.
    Ec2: [
        "cloud.account.id" true, "cloud.availability_zone" true, "cloud.platform" true, "cloud.provider" true,
        "cloud.region" true, "host.id" true, "host.image.id" true, "host.name" true, "host.type" true,
    ]
    /// Of `ecs`.
    Ecs: [
        "aws.ecs.cluster.arn" true, "aws.ecs.launchtype" true, "aws.ecs.task.arn" true, "aws.ecs.task.family" true,
        "aws.ecs.task.id" true, "aws.ecs.task.revision" true, "aws.log.group.arns" true, "aws.log.group.names" true,
        "aws.log.stream.arns" true, "aws.log.stream.names" true, "cloud.account.id" true,
        "cloud.availability_zone" true, "cloud.platform" true, "cloud.provider" true, "cloud.region" true,
    ]
    /// Of `eks`.
    Eks: [
        "cloud.account.id" false, "cloud.availability_zone" false, "cloud.platform" true, "cloud.provider" true,
        "cloud.region" false, "host.id" false, "host.image.id" false, "host.name" false, "host.type" false,
        "k8s.cluster.name" false,
    ]
    /// Of `elastic_beanstalk`.
    ElasticBeanstalk: [
        "cloud.platform" true, "cloud.provider" true, "deployment.environment" true, "service.instance.id" true,
        "service.version" true,
    ]
    /// Of `lambda`.
    Lambda: [
        "aws.log.group.names" true, "aws.log.stream.names" true, "cloud.platform" true, "cloud.provider" true,
        "cloud.region" true, "faas.instance" true, "faas.max_memory" true, "faas.name" true, "faas.version" true,
    ]
    /// Of `azure`.
    Azure: [
        "azure.resourcegroup.name" true, "azure.vm.name" true, "azure.vm.scaleset.name" true, "azure.vm.size" true,
        "cloud.account.id" true, "cloud.availability_zone" false, "cloud.platform" true, "cloud.provider" true,
        "cloud.region" true, "host.id" true, "host.name" true,
    ]
    /// Of `aks`.
    Aks: ["cloud.platform" true, "cloud.provider" true, "k8s.cluster.name" false]
    /// Of `azurecontainerapps`.
    ContainerApps: [
        "azure.container_app.instance.id" true, "cloud.platform" true, "cloud.provider" true, "service.name" true,
    ]
    /// Of `gcp`.
    Gcp: [
        "cloud.account.id" true, "cloud.availability_zone" true, "cloud.platform" true, "cloud.provider" true,
        "cloud.region" true, "faas.instance" true, "faas.name" true, "faas.version" true,
        "gcp.cloud_run.job.execution" true, "gcp.cloud_run.job.task_index" true, "gcp.gce.instance.hostname" false,
        "gcp.gce.instance.name" false, "gcp.gce.instance_group_manager.name" true,
        "gcp.gce.instance_group_manager.region" true, "gcp.gce.instance_group_manager.zone" true, "host.id" true,
        "host.name" true, "host.type" true, "k8s.cluster.name" true,
    ]
    /// Of `k8s_api` and `k8snode`.
    K8sApi: ["k8s.cluster.uid" true, "k8s.node.name" true, "k8s.node.uid" true]
    /// Of `kubeadm`.
    Kubeadm: ["k8s.cluster.name" true, "k8s.cluster.uid" true]
    /// Of `openshift`.
    Openshift: ["cloud.platform" true, "cloud.provider" true, "cloud.region" true, "k8s.cluster.name" true]
    /// Of `heroku`.
    Heroku: [
        "cloud.provider" true, "heroku.app.id" true, "heroku.dyno.id" true, "heroku.release.commit" true,
        "heroku.release.creation_timestamp" true, "service.instance.id" true, "service.name" true,
        "service.version" true,
    ]
    /// Of `consul`.
    Consul: ["cloud.region" true, "host.id" true, "host.name" true]
    /// Of `akamai`.
    Akamai: [
        "cloud.account.id" true, "cloud.platform" true, "cloud.provider" true, "cloud.region" true, "host.id" true,
        "host.image.id" true, "host.image.name" true, "host.name" true, "host.type" true,
    ]
    /// Of `alibaba_ecs` and `tencent_cvm`.
    Instance: [
        "cloud.account.id" true, "cloud.availability_zone" true, "cloud.platform" true, "cloud.provider" true,
        "cloud.region" true, "host.id" true, "host.image.id" true, "host.name" true, "host.type" true,
    ]
    /// Of `digitalocean` and `upcloud`.
    Small: ["cloud.provider" true, "cloud.region" true, "host.id" true, "host.name" true]
    /// Of `hetzner`.
    Hetzner: [
        "cloud.availability_zone" true, "cloud.platform" false, "cloud.provider" true, "cloud.region" true,
        "host.id" true, "host.name" true,
    ]
    /// Of `nova`.
    Nova: [
        "cloud.account.id" true, "cloud.availability_zone" true, "cloud.platform" true, "cloud.provider" true,
        "host.id" true, "host.name" true, "host.type" true,
    ]
    /// Of `oraclecloud`.
    OracleCloud: [
        "cloud.availability_zone" true, "cloud.platform" true, "cloud.provider" true, "cloud.region" true,
        "cloud.resource_id" true, "host.id" true, "host.name" true, "host.type" true, "k8s.cluster.name" true,
    ]
    /// Of `scaleway`.
    Scaleway: [
        "cloud.account.id" true, "cloud.availability_zone" true, "cloud.platform" true, "cloud.provider" true,
        "cloud.region" true, "host.id" true, "host.image.id" true, "host.image.name" true, "host.name" true,
        "host.type" true,
    ]
    /// Of `vultr`.
    Vultr: ["cloud.platform" false, "cloud.provider" true, "cloud.region" true, "host.id" true, "host.name" true]
}
