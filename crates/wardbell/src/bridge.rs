//! What connects services that do not know one another: the management API reaches the notifier and the gateway here.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use wardbell_api::{Probes, ProviderSeen, TestDelivery, TrialAsk, TrialSeen, TrialText};
use wardbell_core::alert::AlertKind;
use wardbell_notify::deliver::Tester;
use wardbell_proxy::checkup::{CheckupOutcome, checkup};
use wardbell_proxy::gateway::Gateway;
use wardbell_proxy::trial::{self, Trial, TrialOutcome};
use wardbell_store::directory::ProjectView;
use wardbell_store::endpoint::Endpoint;
use wardbell_store::provider::Provider;

/// The management API's Test call, sent by the notifier.
pub(crate) struct TestThroughNotifier(pub(crate) Tester);

#[async_trait]
impl TestDelivery for TestThroughNotifier {
    async fn test(&self, endpoint: &Endpoint, kind: AlertKind) -> wardbell_api::TestOutcome {
        let wardbell_notify::deliver::TestOutcome { delivered, status, duration, error, excerpt } =
            self.0.test(endpoint, kind).await;
        wardbell_api::TestOutcome { delivered, status, duration, error, excerpt }
    }
}

/// The management API's trials, made by the gateway.
pub(crate) struct GatewayProbes(pub(crate) Arc<ArcSwap<Gateway>>);

#[async_trait]
impl Probes for GatewayProbes {
    async fn try_out(&self, project: &Arc<ProjectView>, ask: TrialAsk) -> Result<TrialSeen, String> {
        let TrialAsk { body, path, is_proxied } = ask;
        let trial = Trial { body: Bytes::from(body), path, is_proxied };
        let outcome = trial::try_out(&self.0.load_full(), project, &trial).await.map_err(|error| error.to_string())?;
        let TrialOutcome {
            texts,
            findings,
            verdict,
            failure,
            injection_score,
            injection_threshold,
            broken,
            abuse,
            alerts,
            detect_latency,
        } = outcome;
        let text = |text: trial::TrialText| {
            let trial::TrialText { origin, text, redacted } = text;
            TrialText { origin, text, redacted }
        };
        Ok(TrialSeen {
            verdict,
            failure: failure.map(|failure| failure.to_string()),
            texts: texts.into_iter().map(text).collect(),
            findings,
            injection_score,
            injection_threshold,
            broken,
            abuse,
            alerts,
            detect_latency,
        })
    }

    async fn checkup(&self, provider: &Provider) -> ProviderSeen {
        let gateway = self.0.load_full();
        let CheckupOutcome { status, duration, error, models } =
            checkup(&gateway.upstream, provider, gateway.provider_key).await;
        ProviderSeen { status, duration, error, models }
    }
}
