//! A receiver's `rtpParameters`, in the router's numbering.

use super::codec::{
    Described, RTX_VIDEO, RouterCodec, apt, associated, engine_feedback, is_rtx, one_congestion_feedback, router_codec,
};
use super::extension::router_extension;
use super::layering::Layering;
use super::producer::ProducerFormat;
use crate::protocol::{
    CodecParameters, EncodingSsrc, ErrorName, HeaderExtensionDirection, HeaderExtensionParameters, MediaKind, ProtocolError,
    RtcpParameters, RtpCapabilities, RtpCodecCapability, RtpCodecParameters, RtpEncodingParameters, RtpParameters,
};
use corelay_engine::control::{Preferences, SubscriptionParameters};
use corelay_wire::media::{Extension, ExtensionMap, PayloadFormat, PayloadFormats};
use corelay_wire::units::{PayloadType, Ssrc};

/// What a receiver brings along.
pub(crate) struct Receiver<'a> {
    /// What it can receive.
    pub(crate) capabilities: &'a RtpCapabilities,
    /// The SSRC that its packets will have: unique in its transport.
    pub(crate) ssrc: u32,
    /// The SSRC that its retransmissions will have, if it takes them: unique in its transport, too.
    pub(crate) rtx_ssrc: u32,
    /// The media section that `mediasoup-client` shall use. It would number them itself, by how many it has, and collide after one
    /// is closed; packets do not carry it.
    pub(crate) mid: String,
    /// The publisher's, so that its streams play in step.
    pub(crate) cname: String,
}

/// A codec of a consumer, with its retransmissions where the receiver takes them.
struct ConsumerFormat {
    codec: &'static RouterCodec,
    parameters: RtpCodecParameters,
    rtx: Option<RtpCodecParameters>,
}

/// What a client is told of a consumer, and the engine's parameters with the same numbers.
pub(crate) fn consumer(
    kind: MediaKind,
    formats: &[ProducerFormat],
    layering: &Layering,
    receiver: Receiver<'_>,
) -> Result<(RtpParameters, SubscriptionParameters), ProtocolError> {
    let mut formats: Vec<ConsumerFormat> = formats.iter().filter_map(|f| consumer_format(f, receiver.capabilities)).collect();
    if formats.is_empty() {
        return Err(ProtocolError::new(
            ErrorName::CannotConsume,
            "the producer's codec is not among the receiver's rtpCapabilities: have the publisher choose another codec",
        ));
    }
    let rtx_ssrc = formats.iter().any(|f| f.rtx.is_some()).then_some(receiver.rtx_ssrc);
    let header_extensions = header_extensions(kind, receiver.capabilities, rtx_ssrc.is_some(), layering);
    let extensions = extension_map(kind, &header_extensions);
    formats.iter_mut().for_each(|f| one_congestion_feedback(&mut f.parameters.rtcp_feedback, &extensions));
    let subscription = SubscriptionParameters {
        ssrc: Ssrc(receiver.ssrc),
        rtx_ssrc: rtx_ssrc.map(Ssrc),
        mid: None,
        formats: payload_formats(&formats),
        extensions,
        preferences: Preferences::default(),
    };
    let encoding = RtpEncodingParameters {
        ssrc: Some(receiver.ssrc),
        rtx: rtx_ssrc.map(|ssrc| EncodingSsrc { ssrc }),
        scalability_mode: layering.mode(),
        ..RtpEncodingParameters::default()
    };
    let parameters = RtpParameters {
        mid: Some(receiver.mid),
        codecs: formats.into_iter().flat_map(|f| [Some(f.parameters), f.rtx]).flatten().collect(),
        header_extensions,
        encodings: vec![encoding],
        rtcp: RtcpParameters { cname: Some(receiver.cname), reduced_size: Some(true) },
    };
    Ok((parameters, subscription))
}

fn consumer_format(format: &ProducerFormat, capabilities: &RtpCapabilities) -> Option<ConsumerFormat> {
    let capability = receivable(format.codec, capabilities)?;
    let takes_rtx = |theirs: &&RtpCodecCapability| {
        is_rtx(&theirs.mime_type) && associated(&theirs.parameters) == Some(capability.preferred_payload_type)
    };
    let rtx = capabilities.codecs.iter().find(takes_rtx).and_then(|_| rtx_parameters(format.codec));
    Some(ConsumerFormat { codec: format.codec, parameters: codec_parameters(format, capability), rtx })
}

fn rtx_parameters(codec: &RouterCodec) -> Option<RtpCodecParameters> {
    Some(RtpCodecParameters {
        mime_type: RTX_VIDEO.to_owned(),
        payload_type: codec.rtx_payload_type()?,
        clock_rate: codec.clock_rate(),
        channels: None,
        parameters: apt(codec.payload_type),
        rtcp_feedback: Vec::new(),
    })
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

fn payload_formats(formats: &[ConsumerFormat]) -> PayloadFormats {
    formats
        .iter()
        .map(|format| PayloadFormat {
            codec: format.codec.codec,
            payload_type: PayloadType(format.codec.payload_type),
            rtx: format.rtx.as_ref().map(|rtx| PayloadType(rtx.payload_type)),
            feedback: engine_feedback(&format.parameters.rtcp_feedback),
        })
        .collect()
}

/// Without retransmissions of their own format, a lost packet is sent again with the very same bytes: under the transport's key its number
/// stands for one content only (RFC 3711 section 9.1). So nothing may be in it that is written at each sending.
///
/// The dependency descriptor is for spatial layers alone. By it a browser knows which frames nobody refers to, and asks once for what is
/// missing of one; without it each frame waits for the one before, and is asked for until it is there.
fn header_extensions(
    kind: MediaKind,
    capabilities: &RtpCapabilities,
    has_rtx: bool,
    layering: &Layering,
) -> Vec<HeaderExtensionParameters> {
    let is_written_at_sending = |extension: Extension| matches!(extension, Extension::AbsSendTime | Extension::TransportSequence);
    capabilities
        .header_extensions
        .iter()
        .filter(|theirs| theirs.kind == kind && !theirs.preferred_encrypt)
        .filter(|theirs| matches!(theirs.direction, HeaderExtensionDirection::SendRecv | HeaderExtensionDirection::RecvOnly))
        .filter_map(|theirs| router_extension(kind, &theirs.uri))
        .filter(|ours| ours.direction == HeaderExtensionDirection::SendRecv)
        .filter(|ours| has_rtx || !is_written_at_sending(ours.extension))
        .filter(|ours| !layering.is_flat || ours.extension != Extension::DependencyDescriptor)
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
