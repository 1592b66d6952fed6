//! Settings of runs, for the table in which TensorBoard compares them.

use super::message::Message;

/// A setting.
#[derive(Clone, Debug, PartialEq)]
pub enum HParam {
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl HParam {
    /// The number by which the format calls the type.
    fn data_type(&self) -> u64 {
        match self {
            Self::Text(_) => 1,
            Self::Bool(_) => 2,
            Self::Number(_) => 3,
        }
    }

    /// A `google.protobuf.Value`.
    fn encode(&self, value: &mut Message) {
        match self {
            Self::Number(number) => value.double(2, *number),
            Self::Text(text) => value.bytes(3, text.as_bytes()),
            Self::Bool(truth) => value.integer(4, u64::from(*truth)),
        }
    }
}

/// `HParamsPluginData` with one of its parts.
fn plugin_data(part: u32, fill: impl FnOnce(&mut Message)) -> Message {
    let mut data = Message::default();
    data.message(part, fill);
    data
}

/// Names and types of the settings, and the scalars that count.
pub(super) fn experiment(settings: &[(String, HParam)], metrics: &[&str], time: f64) -> Message {
    plugin_data(2, |experiment| {
        experiment.double(3, time);
        for (name, value) in settings {
            experiment.message(4, |info| {
                info.bytes(1, name.as_bytes());
                info.integer(4, value.data_type());
            });
        }
        for metric in metrics {
            experiment.message(5, |info| info.message(1, |name| name.bytes(2, metric.as_bytes())));
        }
    })
}

/// The values of the settings.
pub(super) fn session_start(settings: &[(String, HParam)], time: f64) -> Message {
    plugin_data(3, |session| {
        for (name, value) in settings {
            session.message(1, |entry| {
                entry.bytes(1, name.as_bytes());
                entry.message(2, |inner| value.encode(inner));
            });
        }
        session.double(5, time);
    })
}

/// How the run ended.
pub(super) fn session_end(success: bool, time: f64) -> Message {
    plugin_data(4, |session| {
        session.integer(1, if success { 1 } else { 2 });
        session.double(2, time);
    })
}

/// The metadata of a summary value that carries plugin data.
pub(super) fn metadata(value: &mut Message, content: &Message) {
    value.message(9, |metadata| {
        metadata.message(1, |plugin| {
            plugin.bytes(1, b"hparams");
            plugin.bytes(2, &content.0);
        });
    });
}
