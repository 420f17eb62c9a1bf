/** The page: lobby, call, end, and the way between them. */
import './styles.css';
import { Call } from './call.ts';
import { Devices } from './devices.ts';
import type { Ending } from './ending.ts';
import { expose, type Inspected } from './inspect.ts';
import { hideToken, loadPreferences, readLaunch, savePreferences } from './settings.ts';
import { DemoTokens, GivenToken, grantOf, NoDemoTokens, readClaims } from './token.ts';
import { CallView } from './ui/callview.ts';
import { endView } from './ui/endview.ts';
import { Lobby } from './ui/lobby.ts';

const launch = readLaunch(location.search, loadPreferences(), history.state);
hideToken(launch.token);
const { preferences } = launch;
const devices = new Devices(preferences, launch.cameraHeight);
const inspected: Inspected = { call: undefined, speaker: undefined, ending: undefined };
const root = document.querySelector<HTMLElement>('#app') ?? document.body;
let token = launch.token;
let needsToken = false;

function remember(): void {
  savePreferences(preferences);
}

function showLobby(message?: string): void {
  inspected.call = undefined;
  document.title = 'Corelay';
  const lobby = new Lobby({
    devices, preferences, token, needsToken, message,
    onPreferences: remember,
    onJoin: (given) => {
      lobby.close();
      void join(given);
    },
  });
  root.replaceChildren(lobby.element);
  void startDevices();
}

/** What a given token does not allow to send is not opened either. The tokens of a development server allow everything. */
function restrictDevices(): void {
  const publish = token === undefined ? undefined : readClaims(token).publish;
  devices.restrict((input) => publish === undefined || publish.has(grantOf(input)));
}

async function startDevices(): Promise<void> {
  restrictDevices();
  await devices.start({ microphone: preferences.microphone, camera: preferences.camera });
  await devices.list();
}

async function join(given: string | undefined): Promise<void> {
  token = given;
  restrictDevices();
  const room = (given && readClaims(given).room) || preferences.room;
  const tokens = given === undefined ? new DemoTokens(preferences.room, preferences.name) : new GivenToken(given);
  const call = new Call({ tokens, displayName: preferences.name, devices, codec: preferences.codec, layering: preferences.layering });
  inspected.call = call;
  inspected.ending = undefined;
  document.title = `${room} · Corelay`;
  const view = new CallView({ call, name: preferences.name, room, onPreferences: remember, onSpeaker: (speaker) => (inspected.speaker = speaker) });
  call.on('ended', (ending) => {
    view.close();
    showEnd(ending);
  });
  root.replaceChildren(view.element);
  try {
    await call.start();
  } catch (error) {
    if (!(error instanceof NoDemoTokens)) throw error;
    needsToken = true;
    showLobby('This server does not hand out access by itself. Paste the access token that you were given.');
  }
}

function showEnd(ending: Ending): void {
  inspected.ending = ending;
  inspected.speaker = undefined;
  devices.stopAll();
  const again = async (): Promise<void> => {
    await startDevices();
    await join(token);
  };
  root.replaceChildren(endView(ending, () => void again(), () => showLobby()));
}

expose(inspected);
// Without this the others would see this participant for the ten seconds that the server waits for a lost connection to come back.
addEventListener('pagehide', () => void inspected.call?.leave());

if (launch.autojoin && (preferences.room !== '' || token !== undefined)) {
  preferences.name ||= 'Guest';
  // The call does not wait for the devices: their tracks are published as they come.
  void join(token);
  void startDevices();
} else {
  showLobby();
}
