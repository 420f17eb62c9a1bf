//! The scenarios of `loadgen/scenarios/`, in the binary.

/// One of them.
pub(crate) struct Shipped {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(Shipped { name: $name, text: include_str!(concat!("../../scenarios/", $name, ".toml")) }),*]
    };
}

/// All of them, in the order of `list`.
pub(crate) const ALL: &[Shipped] =
    shipped!["audio-room", "meeting", "livestream", "simulcast-meeting", "small-rooms", "one-to-one", "join-storm", "churn",];

/// The scenario with that name.
pub(crate) fn find(name: &str) -> Option<&'static Shipped> {
    ALL.iter().find(|shipped| shipped.name == name)
}
