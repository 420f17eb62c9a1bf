//! A receiver's `rtpParameters`, in the router's numbering.

use super::codec::{Described, RouterCodec, engine_feedback, router_codec};
use super::extension::router_extension;
use super::producer::ProducerFormat;
use crate::protocol::{
    CodecParameters, ErrorName, HeaderExtensionDirection, HeaderExtensionParameters, MediaKind, ProtocolError, RtcpParameters,
    RtpCapabilities, RtpCodecCapability, RtpCodecParameters, RtpEncodingParameters, RtpParameters,
};
use corelay_engine::control::SubscriptionParameters;
use corelay_wire::media::{ExtensionMap, PayloadFormat, PayloadFormats};
use corelay_wire::units::{PayloadType, Ssrc};

/// What a receiver brings along.
pub(crate) struct Receiver<'a> {
    /// What it can receive.
    pub(crate) capabilities: &'a RtpCapabilities,
    /// The SSRC that its packets will have: unique in its transport.
    pub(crate) ssrc: u32,
    /// The media section that `mediasoup-client` shall use. It would number them itself, by how many it has, and collide after one
    /// is closed; packets do not carry it.
    pub(crate) mid: String,
    /// The publisher's, so that its streams play in step.
    pub(crate) cname: String,
}

/// What a client is told of a consumer, and the engine's parameters with the same numbers.
pub(crate) fn consumer(
    kind: MediaKind,
    formats: &[ProducerFormat],
    receiver: Receiver<'_>,
) -> Result<(RtpParameters, SubscriptionParameters), ProtocolError> {
    let codecs: Vec<(&RouterCodec, RtpCodecParameters)> =
        formats.iter().filter_map(|f| Some((f.codec, codec_parameters(f, receivable(f.codec, receiver.capabilities)?)))).collect();
    if codecs.is_empty() {
        return Err(ProtocolError::new(
            ErrorName::CannotConsume,
            "the producer's codec is not among the receiver's rtpCapabilities: have the publisher choose another codec",
        ));
    }
    let header_extensions = header_extensions(kind, receiver.capabilities);
    let subscription = SubscriptionParameters {
        ssrc: Ssrc(receiver.ssrc),
        rtx_ssrc: None,
        mid: None,
        formats: payload_formats(&codecs),
        extensions: extension_map(kind, &header_extensions),
        preferences: Default::default(),
    };
    let parameters = RtpParameters {
        mid: Some(receiver.mid),
        codecs: codecs.into_iter().map(|(_, parameters)| parameters).collect(),
        header_extensions,
        encodings: vec![RtpEncodingParameters { ssrc: Some(receiver.ssrc), ..RtpEncodingParameters::default() }],
        rtcp: RtcpParameters { cname: Some(receiver.cname), reduced_size: Some(true) },
    };
    Ok((parameters, subscription))
}

/// The entry of the receiver's capabilities that takes `codec`.
fn receivable<'a>(codec: &RouterCodec, capabilities: &'a RtpCapabilities) -> Option<&'a RtpCodecCapability> {
    capabilities.codecs.iter().find(|theirs| {
        let described = Described {
            mime_type: &theirs.mime_type,
            clock_rate: theirs.clock_rate,
            channels: theirs.channels,
            parameters: &theirs.parameters,
        };
        router_codec(&described).is_some_and(|ours| std::ptr::eq(ours, codec))
    })
}

fn codec_parameters(format: &ProducerFormat, capability: &RtpCodecCapability) -> RtpCodecParameters {
    let codec = format.codec;
    RtpCodecParameters {
        mime_type: codec.mime_type.to_owned(),
        payload_type: codec.payload_type,
        clock_rate: codec.clock_rate(),
        channels: codec.channels,
        parameters: stream_parameters(&format.parameters),
        rtcp_feedback: codec.common_feedback(&capability.rtcp_feedback),
    }
}

/// The publisher's parameters describe the stream, so the receiver gets them; `apt` would point at a payload type of the publisher.
fn stream_parameters(parameters: &CodecParameters) -> CodecParameters {
    parameters.iter().filter(|(key, _)| key.as_str() != "apt").map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn payload_formats(codecs: &[(&RouterCodec, RtpCodecParameters)]) -> PayloadFormats {
    codecs
        .iter()
        .map(|(codec, parameters)| PayloadFormat {
            codec: codec.codec,
            payload_type: PayloadType(codec.payload_type),
            rtx: None,
            feedback: engine_feedback(&parameters.rtcp_feedback),
        })
        .collect()
}

fn header_extensions(kind: MediaKind, capabilities: &RtpCapabilities) -> Vec<HeaderExtensionParameters> {
    capabilities
        .header_extensions
        .iter()
        .filter(|theirs| theirs.kind == kind && !theirs.preferred_encrypt)
        .filter(|theirs| matches!(theirs.direction, HeaderExtensionDirection::SendRecv | HeaderExtensionDirection::RecvOnly))
        .filter_map(|theirs| router_extension(kind, &theirs.uri))
        .filter(|ours| ours.direction == HeaderExtensionDirection::SendRecv)
        .map(|ours| HeaderExtensionParameters {
            uri: ours.uri.to_owned(),
            id: ours.id,
            encrypt: false,
            parameters: CodecParameters::new(),
        })
        .fold(Vec::new(), |mut list, extension| {
            if list.iter().all(|other: &HeaderExtensionParameters| other.id != extension.id) {
                list.push(extension);
            }
            list
        })
}

fn extension_map(kind: MediaKind, list: &[HeaderExtensionParameters]) -> ExtensionMap {
    let mut map = ExtensionMap::default();
    for extension in list {
        if let Some(ours) = router_extension(kind, &extension.uri) {
            map.insert(ours.extension, extension.id);
        }
    }
    map
}
