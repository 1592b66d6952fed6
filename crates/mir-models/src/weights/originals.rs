//! Names of tensors in the weight files of other implementations.

use super::NameMap;
use crate::config::CourseModel;

impl NameMap {
    /// Of the course's own baseline (`model-<step>.pt`, a dictionary whose `model_state_dict` holds the weights),
    /// and of the three models that the course leaves as exercises, under the names that continue those of the
    /// baseline: `{frame,onset}_conv_stack`, `_lstm`, `_fc`, and `frame_conv_fc` before the recurrence of Onsets
    /// and Frames.
    ///
    /// Buffers of the front end are left out: the front end is computed anew.
    ///
    /// ```
    /// use mir_models::{config::CourseModel, weights::NameMap};
    /// let map = NameMap::of_course(CourseModel::Cnn);
    /// let name = map.apply("model_state_dict.frame_conv_stack.cnn.0.weight");
    /// assert_eq!(name.as_deref(), Some("frame_stack.0.cnn.0.weight"));
    /// ```
    pub fn of_course(model: CourseModel) -> Self {
        // The recurrence comes first where there is one, the linear layer after it.
        let (lstm, fc) = ("1.rnn.", if model == CourseModel::Cnn { "1." } else { "2." });
        let mut rename = vec![
            ("onset_conv_stack.".to_owned(), "onset_stack.0.".to_owned()),
            ("onset_lstm.".to_owned(), format!("onset_stack.{lstm}")),
            ("onset_fc.".to_owned(), format!("onset_stack.{fc}")),
            ("frame_conv_stack.".to_owned(), "frame_stack.0.".to_owned()),
        ];
        if model == CourseModel::Onf {
            for (from, to) in [
                ("frame_conv_fc.", "frame_stack.1."),
                ("frame_lstm.", "combined_stack.0.rnn."),
                ("frame_fc.", "combined_stack.1."),
            ] {
                rename.push((from.to_owned(), to.to_owned()));
            }
        } else {
            rename.push(("frame_lstm.".to_owned(), format!("frame_stack.{lstm}")));
            rename.push(("frame_fc.".to_owned(), format!("frame_stack.{fc}")));
        }
        let mut map = Self { prefix: "model_state_dict.".to_owned(), rename, ..Self::default() };
        map.ignore.push("melspectrogram.*".to_owned());
        map
    }

    /// Of jongwook/onsets-and-frames, whose files are whole modules with the names that this library has too. Modules
    /// hold the tensors of their recurrent layers twice, the second time in a list, which is left out.
    ///
    /// ```
    /// use mir_models::weights::NameMap;
    /// let name = "combined_stack.0.rnn.weight_ih_l0";
    /// assert_eq!(NameMap::of_jongwook().apply(name).as_deref(), Some(name));
    /// ```
    pub fn of_jongwook() -> Self {
        let mut map = Self::default();
        map.ignore.extend(["melspectrogram.*", "*._flat_weights.*"].map(str::to_owned));
        map
    }

    /// Of the notes in bytedance/piano_transcription's files, a dictionary whose `model.note_model` holds their network
    /// under the names that [`HighResolutionNotes`](crate::arch::HighResolutionNotes) has too. The front end is left
    /// out: it is computed anew.
    ///
    /// ```
    /// use mir_models::weights::NameMap;
    /// let name = NameMap::of_bytedance_notes().apply("model.note_model.reg_onset_model.fc5.weight");
    /// assert_eq!(name.as_deref(), Some("reg_onset_model.fc5.weight"));
    /// ```
    pub fn of_bytedance_notes() -> Self {
        Self::of_bytedance("model.note_model.")
    }

    /// Of the pedals in the same files.
    ///
    /// ```
    /// use mir_models::weights::NameMap;
    /// let name = NameMap::of_bytedance_pedals().apply("model.pedal_model.bn0.weight");
    /// assert_eq!(name.as_deref(), Some("bn0.weight"));
    /// ```
    pub fn of_bytedance_pedals() -> Self {
        Self::of_bytedance("model.pedal_model.")
    }

    fn of_bytedance(prefix: &str) -> Self {
        let mut map = Self { prefix: prefix.to_owned(), ..Self::default() };
        map.ignore.extend(["spectrogram_extractor.*", "logmel_extractor.*"].map(str::to_owned));
        map
    }
}
