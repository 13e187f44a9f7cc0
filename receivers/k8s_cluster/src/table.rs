//! Which metrics there are, and which attributes resources have.
scraping::catalog! {
    /// Metrics of a cluster. `receiver/k8sclusterreceiver/metadata.yaml`.
    pub enum Table: "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/k8sclusterreceiver", "https://opentelemetry.io/schemas/1.18.0";
    resource {
        "container.id": "The id of the container, without its runtime.", true;
        "container.image.name": "The image, without its tag.", true;
        "container.image.tag": "The tag of the image.", true;
        "container.runtime": "The container runtime of the node.", false;
        "container.runtime.version": "Its version.", false;
        "k8s.container.name": "The name of the container.", true;
        "k8s.container.status.last_terminated_reason": "Why the container ended last.", false;
        "k8s.cronjob.name": "The name of the cron job.", true;
        "k8s.cronjob.uid": "The uid of the cron job.", true;
        "k8s.daemonset.name": "The name of the daemon set.", true;
        "k8s.daemonset.uid": "The uid of the daemon set.", true;
        "k8s.deployment.name": "The name of the deployment.", true;
        "k8s.deployment.uid": "The uid of the deployment.", true;
        "k8s.hpa.name": "The name of the autoscaler.", true;
        "k8s.hpa.scaletargetref.apiversion": "The version of what is scaled.", false;
        "k8s.hpa.scaletargetref.kind": "The kind of what is scaled.", false;
        "k8s.hpa.scaletargetref.name": "The name of what is scaled.", false;
        "k8s.hpa.uid": "The uid of the autoscaler.", true;
        "k8s.job.name": "The name of the job.", true;
        "k8s.job.uid": "The uid of the job.", true;
        "k8s.kubelet.version": "The version of the node's kubelet.", false;
        "k8s.namespace.name": "The name of the namespace.", true;
        "k8s.namespace.uid": "The uid of the namespace.", true;
        "k8s.node.name": "The name of the node.", true;
        "k8s.node.uid": "The uid of the node.", true;
        "k8s.persistentvolume.name": "The name of the persistent volume.", true;
        "k8s.persistentvolume.reclaim_policy": "Delete, Recycle or Retain.", false;
        "k8s.persistentvolume.uid": "The uid of the persistent volume.", true;
        "k8s.persistentvolumeclaim.name": "The name of the claim.", true;
        "k8s.persistentvolumeclaim.uid": "The uid of the claim.", true;
        "k8s.pod.name": "The name of the pod.", true;
        "k8s.pod.qos_class": "Guaranteed, Burstable or BestEffort.", false;
        "k8s.pod.uid": "The uid of the pod.", true;
        "k8s.replicaset.name": "The name of the replica set.", true;
        "k8s.replicaset.uid": "The uid of the replica set.", true;
        "k8s.replicationcontroller.name": "The name of the replication controller.", true;
        "k8s.replicationcontroller.uid": "The uid of the replication controller.", true;
        "k8s.resourcequota.name": "The name of the resource quota.", true;
        "k8s.resourcequota.uid": "The uid of the resource quota.", true;
        "k8s.service.name": "The name of the service.", true;
        "k8s.service.publish_not_ready_addresses": "Whether endpoints are published that are not ready.", false;
        "k8s.service.traffic_distribution": "How traffic is distributed.", false;
        "k8s.service.type": "ClusterIP, NodePort, LoadBalancer or ExternalName.", true;
        "k8s.service.uid": "The uid of the service.", true;
        "k8s.statefulset.name": "The name of the stateful set.", true;
        "k8s.statefulset.uid": "The uid of the stateful set.", true;
        "k8s.storageclass.name": "The name of the storage class.", true;
        "openshift.clusterquota.name": "The name of the quota of the cluster.", true;
        "openshift.clusterquota.uid": "The uid of the quota of the cluster.", true;
        "os.description": "The system of the node.", false;
        "os.type": "The kind of that system.", false;
    }
    metrics {
        ContainerCpuLimit = Metric::gauge("k8s.container.cpu_limit", "{cpu}",
            "Maximum resource limit set for the container. See \
             https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.23/#resourcerequirements-v1-core \
             for details", Double);
        ContainerCpuRequest = Metric::gauge("k8s.container.cpu_request", "{cpu}",
            "Resource requested for the container. See \
             https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.23/#resourcerequirements-v1-core \
             for details", Double);
        ContainerEphemeralstorageLimit = Metric::gauge("k8s.container.ephemeralstorage_limit", "By",
            "Maximum resource limit set for the container. See \
             https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.23/#resourcerequirements-v1-core \
             for details", Int);
        ContainerEphemeralstorageRequest = Metric::gauge("k8s.container.ephemeralstorage_request", "By",
            "Resource requested for the container. See \
             https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.23/#resourcerequirements-v1-core \
             for details", Int);
        ContainerMemoryLimit = Metric::gauge("k8s.container.memory_limit", "By",
            "Maximum resource limit set for the container. See \
             https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.23/#resourcerequirements-v1-core \
             for details", Int);
        ContainerMemoryRequest = Metric::gauge("k8s.container.memory_request", "By",
            "Resource requested for the container. See \
             https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.23/#resourcerequirements-v1-core \
             for details", Int);
        ContainerReady = Metric::gauge("k8s.container.ready", "",
            "Whether a container has passed its readiness probe (0 for no, 1 for yes)", Int);
        ContainerRestarts = Metric::gauge("k8s.container.restarts", "{restart}",
            "How many times the container has restarted in the recent past. This value is pulled directly \
             from the K8s API and the value can go indefinitely high and be reset to 0 at any time \
             depending on how your kubelet is configured to prune dead containers. It is best to not \
             depend too much on the exact value but rather look at it as either == 0, in which case you \
             can conclude there were no restarts in the recent past, or > 0, in which case you can \
             conclude there were restarts in the recent past, and not try and analyze the value beyond \
             that.", Int);
        ContainerStatusReason = Metric::up_down("k8s.container.status.reason", "{container}",
            "Experimental metric, may experience breaking changes. Describes the number of K8s containers \
             that are currently in a state for a given reason. All possible container state reasons will \
             be reported at each time interval to avoid missing metrics. Only the value corresponding to \
             the current state reason will be non-zero.", Int).by(&["k8s.container.status.reason"]).off();
        ContainerStatusState = Metric::up_down("k8s.container.status.state", "{container}",
            "Experimental metric, may experience breaking changes. Describes the number of K8s containers \
             that are currently in a given state. All possible container states will be reported at each \
             time interval to avoid missing metrics. Only the value corresponding to the current state \
             will be non-zero.", Int).by(&["k8s.container.status.state"]).off();
        ContainerStorageLimit = Metric::gauge("k8s.container.storage_limit", "By",
            "Maximum resource limit set for the container. See \
             https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.23/#resourcerequirements-v1-core \
             for details", Int);
        ContainerStorageRequest = Metric::gauge("k8s.container.storage_request", "By",
            "Resource requested for the container. See \
             https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.23/#resourcerequirements-v1-core \
             for details", Int);
        CronjobActiveJobs = Metric::gauge("k8s.cronjob.active_jobs", "{job}",
            "The number of actively running jobs for a cronjob", Int);
        DaemonsetCurrentScheduledNodes = Metric::gauge("k8s.daemonset.current_scheduled_nodes", "{node}",
            "Number of nodes that are running at least 1 daemon pod and are supposed to run the daemon \
             pod", Int);
        DaemonsetDesiredScheduledNodes = Metric::gauge("k8s.daemonset.desired_scheduled_nodes", "{node}",
            "Number of nodes that should be running the daemon pod (including nodes currently running the \
             daemon pod)", Int);
        DaemonsetMisscheduledNodes = Metric::gauge("k8s.daemonset.misscheduled_nodes", "{node}",
            "Number of nodes that are running the daemon pod, but are not supposed to run the daemon pod", Int);
        DaemonsetReadyNodes = Metric::gauge("k8s.daemonset.ready_nodes", "{node}",
            "Number of nodes that should be running the daemon pod and have one or more of the daemon pod \
             running and ready", Int);
        DeploymentAvailable = Metric::gauge("k8s.deployment.available", "{pod}",
            "Total number of available pods (ready for at least minReadySeconds) targeted by this \
             deployment", Int);
        DeploymentDesired = Metric::gauge("k8s.deployment.desired", "{pod}",
            "Number of desired pods in this deployment", Int);
        HpaCurrentReplicas = Metric::gauge("k8s.hpa.current_replicas", "{pod}",
            "Current number of pod replicas managed by this autoscaler.", Int);
        HpaDesiredReplicas = Metric::gauge("k8s.hpa.desired_replicas", "{pod}",
            "Desired number of pod replicas managed by this autoscaler.", Int);
        HpaMaxReplicas = Metric::gauge("k8s.hpa.max_replicas", "{pod}",
            "Maximum number of replicas to which the autoscaler can scale up.", Int);
        HpaMinReplicas = Metric::gauge("k8s.hpa.min_replicas", "{pod}",
            "Minimum number of replicas to which the autoscaler can scale up.", Int);
        JobActivePods = Metric::gauge("k8s.job.active_pods", "{pod}",
            "The number of actively running pods for a job", Int);
        JobDesiredSuccessfulPods = Metric::gauge("k8s.job.desired_successful_pods", "{pod}",
            "The desired number of successfully finished pods the job should be run with", Int);
        JobFailedPods = Metric::gauge("k8s.job.failed_pods", "{pod}",
            "The number of pods which reached phase Failed for a job", Int);
        JobMaxParallelPods = Metric::gauge("k8s.job.max_parallel_pods", "{pod}",
            "The max desired number of pods the job should run at any given time", Int);
        JobSuccessfulPods = Metric::gauge("k8s.job.successful_pods", "{pod}",
            "The number of pods which reached phase Succeeded for a job", Int);
        NamespacePhase = Metric::gauge("k8s.namespace.phase", "",
            "The current phase of namespaces (1 for active and 0 for terminating)", Int);
        NodeCondition = Metric::gauge("k8s.node.condition", "{condition}",
            "The condition of a particular Node.", Int).by(&["condition"]).off();
        PersistentvolumeStatusPhase = Metric::up_down("k8s.persistentvolume.status.phase", "{persistentvolume}",
            "The current phase of the PersistentVolume (1 for the current phase, 0 for others).", Int)
            .by(&["k8s.persistentvolume.status.phase"]).off();
        PersistentvolumeStorageCapacity = Metric::up_down("k8s.persistentvolume.storage.capacity", "By",
            "The storage capacity of the PersistentVolume.", Int).off();
        PersistentvolumeclaimStatusPhase = Metric::up_down("k8s.persistentvolumeclaim.status.phase", "{persistentvolumeclaim}",
            "The current phase of the PersistentVolumeClaim (1 for the current phase, 0 for others).", Int)
            .by(&["k8s.persistentvolumeclaim.status.phase"]).off();
        PersistentvolumeclaimStorageCapacity = Metric::up_down("k8s.persistentvolumeclaim.storage.capacity", "By",
            "The actual storage capacity provisioned for the PersistentVolumeClaim. Only available when \
             bound.", Int).off();
        PersistentvolumeclaimStorageRequest = Metric::up_down("k8s.persistentvolumeclaim.storage.request", "By",
            "The storage requested by the PersistentVolumeClaim.", Int).off();
        PodPhase = Metric::gauge("k8s.pod.phase", "",
            "Current phase of the pod (1 - Pending, 2 - Running, 3 - Succeeded, 4 - Failed, 5 - Unknown)", Int);
        PodStatusReason = Metric::gauge("k8s.pod.status_reason", "",
            "Current status reason of the pod (1 - Evicted, 2 - NodeAffinity, 3 - NodeLost, 4 - Shutdown, \
             5 - UnexpectedAdmissionError, 6 - Unknown)", Int).off();
        ReplicasetAvailable = Metric::gauge("k8s.replicaset.available", "{pod}",
            "Total number of available pods (ready for at least minReadySeconds) targeted by this \
             replicaset", Int);
        ReplicasetDesired = Metric::gauge("k8s.replicaset.desired", "{pod}",
            "Number of desired pods in this replicaset", Int);
        ReplicationControllerAvailable = Metric::gauge("k8s.replication_controller.available", "{pod}",
            "Total number of available pods (ready for at least minReadySeconds) targeted by this \
             replication_controller", Int);
        ReplicationControllerDesired = Metric::gauge("k8s.replication_controller.desired", "{pod}",
            "Number of desired pods in this replication_controller", Int);
        ResourceQuotaHardLimit = Metric::gauge("k8s.resource_quota.hard_limit", "{resource}",
            "The upper limit for a particular resource in a specific namespace. Will only be sent if a \
             quota is specified. CPU requests/limits will be sent as millicores", Int).by(&["resource"]);
        ResourceQuotaUsed = Metric::gauge("k8s.resource_quota.used", "{resource}",
            "The usage for a particular resource in a specific namespace. Will only be sent if a quota is \
             specified. CPU requests/limits will be sent as millicores", Int).by(&["resource"]);
        ServiceEndpointCount = Metric::gauge("k8s.service.endpoint.count", "{endpoint}",
            "The number of endpoints for a service, broken down by condition, address type, and zone.", Int)
            .by(&["k8s.service.endpoint.address_type", "k8s.service.endpoint.condition", "k8s.service.endpoint.zone"]).off();
        ServiceLoadBalancerIngressCount = Metric::gauge("k8s.service.load_balancer.ingress.count", "{ingress}",
            "The number of load balancer ingress points (external IPs/hostnames) assigned to the service.", Int).off();
        StatefulsetCurrentPods = Metric::gauge("k8s.statefulset.current_pods", "{pod}",
            "The number of pods created by the StatefulSet controller from the StatefulSet version", Int);
        StatefulsetDesiredPods = Metric::gauge("k8s.statefulset.desired_pods", "{pod}",
            "Number of desired pods in the stateful set (the `spec.replicas` field)", Int);
        StatefulsetPodAvailable = Metric::up_down("k8s.statefulset.pod.available", "{pod}",
            "The number of available pods per stateful set (the `status.availableReplicas` field). A pod \
             is available once it has been `Ready` for at least `spec.minReadySeconds`.", Int).off();
        StatefulsetReadyPods = Metric::gauge("k8s.statefulset.ready_pods", "{pod}",
            "Number of pods created by the stateful set that have the `Ready` condition", Int);
        StatefulsetUpdatedPods = Metric::gauge("k8s.statefulset.updated_pods", "{pod}",
            "Number of pods created by the StatefulSet controller from the StatefulSet version", Int);
        OpenshiftAppliedclusterquotaLimit = Metric::gauge("openshift.appliedclusterquota.limit", "{resource}",
            "The upper limit for a particular resource in a specific namespace.", Int).by(&["k8s.namespace.name", "resource"]);
        OpenshiftAppliedclusterquotaUsed = Metric::gauge("openshift.appliedclusterquota.used", "{resource}",
            "The usage for a particular resource in a specific namespace.", Int).by(&["k8s.namespace.name", "resource"]);
        OpenshiftClusterquotaLimit = Metric::gauge("openshift.clusterquota.limit", "{resource}",
            "The configured upper limit for a particular resource.", Int).by(&["resource"]);
        OpenshiftClusterquotaUsed = Metric::gauge("openshift.clusterquota.used", "{resource}",
            "The usage for a particular resource with a configured limit.", Int).by(&["resource"]);
    }
}
