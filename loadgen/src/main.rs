//! `corelay-loadgen`: real clients in numbers, through the public WebSocket, over ICE, DTLS and SRTP on a WebRTC stack (`dtls`,
//! `webrtc-srtp`, `rtp`, `rtcp`, `stun`) that shares no code with the engine and so cannot agree with its bugs.
#![forbid(unsafe_code)]

mod call;
mod process;
mod report;

use clap::Parser;
use std::time::Duration;

/// A call of synthetic participants against a running server.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The server's WebSocket.
    #[arg(long, default_value = "ws://127.0.0.1:3001/ws")]
    url: String,
    /// The secret that the server checks tokens with. Without it a development server is asked for demo tokens.
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    jwt_secret: Option<String>,
    /// The room's name.
    #[arg(long, default_value = "loadgen")]
    room: String,
    /// How many participants join.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=500))]
    participants: u32,
    /// How many of them publish; the rest only receive.
    #[arg(long)]
    publishers: Option<u32>,
    /// How long media flows, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Video of each publisher in kbit/s; 0 for audio only.
    #[arg(long, default_value_t = 300)]
    video_kbps: u32,
    /// Participants publish nothing and only hold their transports.
    #[arg(long)]
    idle: bool,
    /// Process id of the server on this machine: its memory and CPU go into the report.
    #[arg(long)]
    server_pid: Option<u32>,
    /// Prints JSON instead of the table.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn plan(&self) -> call::Plan {
        let publishers = if self.idle { 0 } else { self.publishers.unwrap_or(self.participants).min(self.participants) };
        call::Plan {
            url: self.url.clone(),
            jwt_secret: self.jwt_secret.clone(),
            room: self.room.clone(),
            participants: self.participants,
            publishers,
            length: Duration::from_secs(self.seconds),
            video_kbps: self.video_kbps,
            server_pid: self.server_pid,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    // `dtls` asks for the process's default, which rustls cannot guess when two providers are compiled in. An error means that one is
    // chosen already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let report = call::run(&arguments.plan()).await?;
    report.print(arguments.json)?;
    anyhow::ensure!(report.is_complete(), "the call did not go as planned: see the lines marked with !");
    Ok(())
}
