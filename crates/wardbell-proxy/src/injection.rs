//! What of a request the injection model looks at, how hard, and what the project allows.

use std::sync::Arc;
use std::time::Duration;

use wardbell_core::origin::Origin;
use wardbell_core::policy::{InjectionMode, Sensitivity};
use wardbell_core::verdict::DetectionFailure;
use wardbell_detect::cascade::{Effort, Judged, Look, Open};
use wardbell_guard::allow::AllowKeys;
use wardbell_guard::policy::rules::Rules;
use wardbell_store::directory::ProjectView;

use crate::gateway::Gateway;
use crate::readers::{Read, Readers};

/// How a text reaches the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// In a request to a model, whose form says who speaks.
    InRequest,
    /// To be scanned, by a caller who says who speaks.
    ToScan,
    /// To be scanned, and nobody says who speaks.
    Bare,
}

/// The injection model's eyes on one request.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    /// `None` where there is no model: the rules look alone.
    readers: Option<Arc<Readers>>,
    /// How hard each origin is looked at; what is not here is not.
    efforts: Arc<[(Origin, Effort)]>,
    keys: Arc<AllowKeys>,
    project: Arc<ProjectView>,
}

/// What the model said of the texts of a request so far.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    pub(crate) judged: Vec<(usize, Judged)>,
    pub(crate) open: Vec<(usize, Open)>,
}

impl Watch {
    /// What these rules want looked at. Texts that are sent to be scanned are read in full, and as anybody's words where nobody says
    /// whose they are; so is what a third party says, as words of one who may order nothing. What the user says is read where the linear
    /// tier does not clear it.
    pub(crate) fn new(gateway: &Gateway, project: &Arc<ProjectView>, rules: &Rules<'_>, sent: Sent) -> Self {
        let efforts = Origin::ALL.iter().filter_map(|origin| {
            let level = rules.level(*origin).filter(|_| rules.injection != InjectionMode::Off)?;
            let effort = match sent {
                _ if origin.is_third_party() => Effort::ThirdParty,
                Sent::Bare => Effort::Unknown,
                Sent::ToScan => Effort::Strict,
                Sent::InRequest if level == Sensitivity::High => Effort::Strict,
                Sent::InRequest => Effort::Lenient,
            };
            Some((*origin, effort))
        });
        Self {
            readers: gateway.readers.clone(),
            efforts: efforts.collect(),
            keys: Arc::clone(&gateway.allow_keys),
            project: Arc::clone(project),
        }
    }

    /// Lets the linear tier look at the text at `segment`.
    pub(crate) fn look(&self, segment: usize, origin: Origin, text: &str, looks: &mut Looks) {
        let Some(readers) = &self.readers else { return };
        let Some((_, effort)) = self.efforts.iter().find(|(known, _)| *known == origin) else { return };
        match readers.look(text, *effort) {
            Look::Judged(judged) => looks.judged.push((segment, judged)),
            Look::Open(open) => looks.open.push((segment, open)),
        }
    }

    /// Lets the encoder read what is open, within a time. What it did not read is told by the failure.
    pub(crate) async fn read(&self, looks: &mut Looks, time_max: Duration) -> Option<DetectionFailure> {
        let Some(readers) = &self.readers else { return None };
        let open = std::mem::take(&mut looks.open);
        if !open.is_empty() {
            let read = match tokio::time::timeout(time_max, readers.read(open)).await {
                Ok(Ok(read)) => read,
                Ok(Err(failure)) => return Some(failure),
                Err(_) => return Some(DetectionFailure::TimedOut),
            };
            looks.judged.extend(read.into_iter().map(|Read { segment, judged }| (segment, judged)));
            looks.judged.sort_by_key(|(segment, _)| *segment);
        }
        looks.judged.iter().any(|(_, judged)| judged.partial).then_some(DetectionFailure::TooLong)
    }

    /// Whether the project allows a text. Without a list that costs nothing.
    pub(crate) fn allows(&self, text: &str) -> bool {
        !self.project.project.policy.injection.allow.is_empty() && self.fingerprint(text).1
    }

    /// The fingerprint of a text, and whether the project allows it.
    pub(crate) fn fingerprint(&self, text: &str) -> (String, bool) {
        let fingerprint = self.keys.fingerprint(self.project.project.id, text);
        let allowed = self.project.project.policy.injection.allow.contains(&fingerprint);
        (fingerprint, allowed)
    }
}
