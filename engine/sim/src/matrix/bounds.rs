//! What a call has to be like. What is not said is not bounded; what a server may never do is checked in every run.

/// Between two times, at least this layer is shown nine tenths of the time: the simulcast stream, or the spatial layer where there
/// is one stream.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    /// From, in milliseconds of the call.
    pub from_ms: u64,
    /// Until.
    pub until_ms: u64,
    /// The least layer.
    pub least: u8,
    /// The highest layer.
    pub most: u8,
}

/// See the module. Shares are of one; times in milliseconds.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// From the subscription to the first picture.
    pub first_picture_ms: u64,
    /// What comes before this is not looked at: delays and estimates settle.
    pub settles_ms: u64,
    /// Freezes after that.
    pub freezes: usize,
    /// How long one may last, at any time after the first picture.
    pub freeze_ms: u64,
    /// From the camera to the screen, from a time after the subscription on: all pictures but the latest hundredth.
    pub delay: Option<(u64, u64)>,
    /// The share of pictures that were taken and are shown.
    pub pictures: f64,
    /// The share of sound that is concealed.
    pub concealed: f64,
    /// The longest run of concealed sound, at any time after the first two seconds.
    pub silence_ms: u64,
    /// A queue that stands for a second.
    pub queue_ms: u64,
    /// Layers that have to be shown.
    pub layers: Vec<Layer>,
    /// Times at which the estimate is within 15 % of the link's rate, or of what the call takes where that is less.
    pub estimate_at_ms: Vec<u64>,
    /// The least rate between two times, in kbit/s of all that arrives.
    pub kbps: Option<(u64, u64, u64)>,
    /// After an outage has ended at the first time, the picture is back within the second.
    pub back: Option<(u64, u64)>,
    /// Of two subscribers, none has less than this share of what the other has.
    pub fairness: f64,
    /// What the publisher takes its uplink to carry in the end, in kbit/s.
    pub uplink_kbps: u64,
    /// Requests for key pictures that reach the camera.
    pub key_requests: u32,
    /// Nothing is shown between these times.
    pub dark: Option<(u64, u64)>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            first_picture_ms: 500,
            settles_ms: 3_000,
            freezes: 0,
            freeze_ms: 500,
            delay: None,
            pictures: 0.99,
            concealed: 0.01,
            silence_ms: 200,
            queue_ms: 200,
            layers: Vec::new(),
            estimate_at_ms: Vec::new(),
            kbps: None,
            back: None,
            fairness: 0.0,
            uplink_kbps: 0,
            key_requests: 30,
            dark: None,
        }
    }
}

impl Bounds {
    /// Between two times at least and at most these layers are shown.
    pub(super) fn layer(&mut self, from_ms: u64, until_ms: u64, least: u8, most: u8) {
        self.layers.push(Layer { from_ms, until_ms, least, most });
    }
}
