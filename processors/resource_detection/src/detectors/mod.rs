//! What can be detected, one module for each cloud or source. Everything here is a look at the world ([`Probe`]), which
//! answers with attributes, with nothing where the thing is not there, or with why it could not look.

use component::Problems;
use component::config::Need;
use kube::Resource;

use crate::config::Config;
use crate::found::Found;
use crate::patterns::Patterns;
use crate::probe::Probe;

mod aws;
mod azure;
mod consul;
mod docker;
mod ec2_tags;
mod ecs;
mod eks;
mod env;
mod gcp;
mod heroku;
mod imds;
mod kubernetes;
mod openshift;
mod others;
mod system;

macro_rules! detectors {
    ($($name:literal $kind:ident,)*) => {
        /// Something that looks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Detector {
            $($kind,)*
        }

        /// All names, in the order in which they are proposed.
        const NAMES: &[(&str, Detector)] = &[$(($name, Detector::$kind),)*];
    };
}

detectors! {
    "env" Env,
    "system" System,
    "docker" Docker,
    "ec2" Ec2,
    "ecs" Ecs,
    "eks" Eks,
    "elastic_beanstalk" ElasticBeanstalk,
    "lambda" Lambda,
    "azure" Azure,
    "aks" Aks,
    "azurecontainerapps" ContainerApps,
    "gcp" Gcp,
    "k8s_api" K8sApi,
    "k8snode" K8sNode,
    "kubeadm" Kubeadm,
    "openshift" Openshift,
    "heroku" Heroku,
    "consul" Consul,
    "dynatrace" Dynatrace,
    "akamai" Akamai,
    "alibaba_ecs" AlibabaEcs,
    "digitalocean" DigitalOcean,
    "hetzner" Hetzner,
    "nova" Nova,
    "oraclecloud" OracleCloud,
    "scaleway" Scaleway,
    "tencent_cvm" TencentCvm,
    "upcloud" UpCloud,
    "vultr" Vultr,
}

impl Detector {
    /// Those that the section lists.
    pub(crate) fn all(config: &Config, found: &mut Problems) -> Option<Vec<Self>> {
        let mut all = Some(Vec::new());
        for (at, name) in config.detectors.iter().enumerate() {
            let name = name.trim();
            match (NAMES.iter().find(|it| it.0 == name), &mut all) {
                (Some((_, detector)), Some(list)) => list.push(*detector),
                (Some(_), None) => {}
                (None, _) => {
                    let names: Vec<&str> = NAMES.iter().map(|it| it.0).collect();
                    let text = format!("invalid detector key: {name}");
                    found.late("", text).one_of(&format!("detectors::{at}"), &names);
                    all = None;
                }
            }
        }
        all
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES.iter().find(|it| it.1 == self).map_or("", |it| it.0)
    }

    /// What it has to be allowed at the API server.
    pub(crate) fn needs(self, config: &Config, found: &mut Problems) {
        let mut right = |it: kube::Resource| {
            found.needs("detectors", Need::Right(it.rule(&["get"])));
        };
        let clusters = &config.clusters;
        match self {
            Self::K8sApi | Self::K8sNode => {
                let section =
                    if self == Self::K8sApi { &clusters.k8s_api } else { &clusters.k8snode };
                right(Resource::NODES);
                if section.resource_attributes.is_on("k8s.cluster.uid") {
                    right(Resource::NAMESPACES);
                }
            }
            Self::Kubeadm => {
                right(kubernetes::CONFIG_MAPS);
                if clusters.kubeadm.resource_attributes.is_on("k8s.cluster.uid") {
                    right(Resource::NAMESPACES);
                }
            }
            Self::Eks => right(Resource::NODES),
            Self::Openshift => right(openshift::INFRASTRUCTURES),
            _ => {}
        }
    }

    /// True if a service that does not answer is a failure by its own section.
    pub(crate) fn is_strict(self, config: &Config) -> bool {
        let others = &config.others;
        match self {
            Self::Ec2 => config.clouds.ec2.fail_on_missing_metadata,
            Self::AlibabaEcs => others.alibaba_ecs.fail_on_missing_metadata,
            Self::Nova => others.nova.fail_on_missing_metadata,
            Self::TencentCvm => others.tencent_cvm.fail_on_missing_metadata,
            Self::UpCloud => others.upcloud.fail_on_missing_metadata,
            Self::Vultr => others.vultr.fail_on_missing_metadata,
            _ => false,
        }
    }

    /// Looks, and leaves out what the section does not want.
    pub(crate) async fn detect(
        self,
        probe: &Probe,
        config: &Config,
        patterns: &Patterns,
    ) -> Result<Found, String> {
        let mut found = self.look(probe, config, patterns).await?;
        found.attributes.retain(|name, _| self.wants(config, name));
        Ok(found)
    }

    async fn look(
        self,
        probe: &Probe,
        config: &Config,
        patterns: &Patterns,
    ) -> Result<Found, String> {
        let (clusters, clouds) = (&config.clusters, &config.clouds);
        match self {
            Self::Env => env::detect(probe, &config.machine.env),
            Self::System => system::detect(probe, &config.machine.system).await,
            Self::Docker => docker::detect(probe, &config.machine.docker).await,
            Self::Ec2 => aws::ec2(probe, &clouds.ec2, &patterns.ec2).await,
            Self::Ecs => ecs::detect(probe).await,
            Self::Eks => eks::detect(probe, &clouds.eks).await,
            Self::ElasticBeanstalk => aws::elastic_beanstalk(probe).await,
            Self::Lambda => aws::lambda(probe),
            Self::Azure => azure::azure(probe, &patterns.azure).await,
            Self::Aks => azure::aks(probe).await,
            Self::ContainerApps => azure::container_apps(probe),
            Self::Gcp => gcp::detect(probe, &patterns.gcp).await,
            Self::K8sApi => kubernetes::k8s_api(probe, &clusters.k8s_api).await,
            Self::K8sNode => kubernetes::k8s_api(probe, &clusters.k8snode).await,
            Self::Kubeadm => kubernetes::kubeadm(probe, &clusters.kubeadm).await,
            Self::Openshift => openshift::detect(probe, &clusters.openshift).await,
            Self::Heroku => heroku::detect(probe),
            Self::Consul => consul::detect(probe, &config.machine.consul).await,
            Self::Dynatrace => others::dynatrace(probe).await,
            Self::Akamai => others::akamai(probe).await,
            Self::AlibabaEcs => others::alibaba(probe).await,
            Self::DigitalOcean => others::digitalocean(probe).await,
            Self::Hetzner => others::hetzner(probe).await,
            Self::Nova => others::nova(probe, &patterns.nova).await,
            Self::OracleCloud => others::oracle(probe).await,
            Self::Scaleway => others::scaleway(probe).await,
            Self::TencentCvm => others::tencent(probe).await,
            Self::UpCloud => others::upcloud(probe).await,
            Self::Vultr => others::vultr(probe).await,
        }
    }

    /// True for an attribute that its section does not turn off.
    fn wants(self, config: &Config, name: &str) -> bool {
        let (clouds, clusters) = (&config.clouds, &config.clusters);
        let (machine, others) = (&config.machine, &config.others);
        match self {
            Self::Env | Self::Dynatrace => true,
            Self::System => machine.system.resource_attributes.is_on(name),
            Self::Docker => machine.docker.resource_attributes.is_on(name),
            Self::Heroku => machine.heroku.resource_attributes.is_on(name),
            Self::Consul => machine.consul.resource_attributes.is_on(name),
            Self::Ec2 => clouds.ec2.resource_attributes.is_on(name),
            Self::Ecs => clouds.ecs.resource_attributes.is_on(name),
            Self::Eks => clouds.eks.resource_attributes.is_on(name),
            Self::ElasticBeanstalk => clouds.elasticbeanstalk.resource_attributes.is_on(name),
            Self::Lambda => clouds.lambda.resource_attributes.is_on(name),
            Self::Azure => clouds.azure.resource_attributes.is_on(name),
            Self::Aks => clouds.aks.resource_attributes.is_on(name),
            Self::ContainerApps => clouds.azurecontainerapps.resource_attributes.is_on(name),
            Self::Gcp => clouds.gcp.resource_attributes.is_on(name),
            Self::K8sApi => clusters.k8s_api.resource_attributes.is_on(name),
            Self::K8sNode => clusters.k8snode.resource_attributes.is_on(name),
            Self::Kubeadm => clusters.kubeadm.resource_attributes.is_on(name),
            Self::Openshift => clusters.openshift.resource_attributes.is_on(name),
            Self::Akamai => others.akamai.resource_attributes.is_on(name),
            Self::AlibabaEcs => others.alibaba_ecs.resource_attributes.is_on(name),
            Self::DigitalOcean => others.digitalocean.resource_attributes.is_on(name),
            Self::Hetzner => others.hetzner.resource_attributes.is_on(name),
            Self::Nova => others.nova.resource_attributes.is_on(name),
            Self::OracleCloud => others.oraclecloud.resource_attributes.is_on(name),
            Self::Scaleway => others.scaleway.resource_attributes.is_on(name),
            Self::TencentCvm => others.tencent_cvm.resource_attributes.is_on(name),
            Self::UpCloud => others.upcloud.resource_attributes.is_on(name),
            Self::Vultr => others.vultr.resource_attributes.is_on(name),
        }
    }
}
