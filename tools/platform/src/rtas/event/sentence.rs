//! An event in one sentence, for a journal and for a person.

use super::reference::{Callout, Reference};
use super::section::{Assessment, Content, Origin};
use super::{Details, Event, Header, Kind};

impl Event {
    /// What happened, in a sentence.
    pub fn sentence(&self) -> String {
        let mut parts = vec![match &self.details {
            Details::Older(log) => match &log.epow {
                Some(epow) => format!("{}: {epow}", capital(self.header.kind)),
                None => format!("{}, {}", capital(self.header.kind), self.header.severity),
            },
            _ => self.gist(),
        }];
        parts.extend(self.reference().map(reference_words));
        parts.extend(self.assessment().and_then(service_words).map(str::to_owned));
        parts.extend(self.origin().and_then(logged_words));
        if let Details::Platform(log) = &self.details {
            parts.extend(log.problem.iter().map(|problem| format!("the log is not sound: {problem}")));
        }
        format!("{}.", parts.join("; "))
    }

    /// The kind of event and what its own section says.
    fn gist(&self) -> String {
        let kind = capital(self.header.kind);
        let said: Vec<String> = self.sections().iter().filter_map(|section| section.content.gist()).collect();
        if !said.is_empty() {
            return format!("{kind}: {}", said.join("; "));
        }
        if self.header.kind == Kind::Reassignment {
            return format!("{kind}, scope {}: current kernels ignore it", self.header.extended_length);
        }
        match self.assessment().and_then(assessment_words) {
            Some(words) => format!("{kind}: {words}"),
            None => format!("{kind}, {}", self.header.severity),
        }
    }

    fn find<'a, T>(&'a self, pick: impl Fn(&'a Content) -> Option<&'a T>) -> Option<&'a T> {
        self.sections().iter().find_map(|section| pick(&section.content))
    }

    fn assessment(&self) -> Option<Assessment> {
        let pick = |content: &'_ Content| if let Content::Assessment(found) = content { Some(*found) } else { None };
        self.sections().iter().find_map(|section| pick(&section.content))
    }

    fn reference(&self) -> Option<&Reference> {
        self.find(|content| if let Content::Reference(found) = content { Some(found) } else { None })
    }

    fn origin(&self) -> Option<&Origin> {
        self.find(|content| if let Content::Origin(found) = content { Some(found) } else { None })
    }
}

impl Header {
    /// What the fixed part alone tells, in a sentence.
    pub fn sentence(&self) -> String {
        let length = if self.extended { format!(", {} bytes of details", self.extended_length) } else { String::new() };
        format!("{}, {} (version {}{length})", capital(self.kind), self.severity, self.version)
    }
}

impl Content {
    /// What a section says of its own kind of event; none for those that every event has.
    fn gist(&self) -> Option<String> {
        match self {
            Self::Epow(epow) => Some(epow.to_string()),
            Self::Hotplug(hotplug) => Some(hotplug.to_string()),
            Self::Io(event) => Some(event.to_string()),
            Self::Resource(resource) => Some(resource.to_string()),
            Self::Dump(dump) => Some(dump.to_string()),
            Self::MachineCheck(check) => Some(format!("{} on processor {}", check.words(), check.processor)),
            _ => None,
        }
    }
}

fn assessment_words(assessment: Assessment) -> Option<String> {
    let words = assessment.severity_words().or_else(|| assessment.subtype_words())?;
    Some(format!("{words}, in {}", assessment.subsystem_words()))
}

fn reference_words(reference: &Reference) -> String {
    let callouts: Vec<String> = reference.callouts.iter().map(callout_words).collect();
    let look = if callouts.is_empty() { "" } else { ", look at " };
    format!("reference code {}{look}{}", reference.code, callouts.join(", "))
}

fn callout_words(callout: &Callout) -> String {
    let what = match (&callout.part, callout.location.as_str()) {
        (Some(part), "") => part.clone(),
        (Some(part), place) => format!("{part} at {place}"),
        (None, place) => place.to_owned(),
    };
    format!("{what} (priority {})", callout.priority)
}

fn service_words(assessment: Assessment) -> Option<&'static str> {
    match (assessment.service_required, assessment.call_home) {
        (true, true) => Some("it has to be repaired, call IBM"),
        (true, false) => Some("it has to be repaired"),
        (false, _) => None,
    }
}

fn logged_words(origin: &Origin) -> Option<String> {
    let who = match origin.creator {
        'E' => "the service processor",
        'H' => "the hypervisor",
        'W' => "power control",
        'L' => "the partition's firmware",
        _ => "the platform",
    };
    origin.logged.as_ref().map(|when| format!("logged by {who} at {when}"))
}

/// The kind with a capital letter, as a sentence begins.
fn capital(kind: Kind) -> String {
    let mut text = kind.to_string();
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    text
}
