/** The bar below the call. */
import type { Devices, Input } from '../devices.ts';
import { AudioSink } from './audiosink.ts';
import { h, setAttribute } from './dom.ts';
import { swapIcon, type IconName } from './icon.ts';
import { Menu, type MenuItem } from './menu.ts';

export interface ControlsOptions {
  devices: Devices;
  /** What the token allows; what it does not is shown but cannot be pressed. */
  allowed(source: Input | 'screen'): boolean;
  onSpeaker(speakerId: string): void;
  onPreferences(): void;
  onStats(): void;
  onLeave(): void;
}

export class Controls {
  readonly element: HTMLElement;
  readonly #options: ControlsOptions;
  readonly #microphone = button('toggle-microphone', () => this.#toggle('microphone'));
  readonly #camera = button('toggle-camera', () => this.#toggle('camera'));
  readonly #screen = button('toggle-screen', () => this.#toggleScreen());
  readonly #stats = button('toggle-stats', () => this.#options.onStats());

  constructor(options: ControlsOptions) {
    this.#options = options;
    const leave = h('button', { class: 'control control--leave', type: 'button', testid: 'leave', onclick: options.onLeave }, h('span', { class: 'control__text' }, 'Leave'));
    swapIcon(leave, 'leave');
    const microphoneMenu = new Menu('Choose microphone and speaker', 'microphone-menu', () => this.#soundSections());
    const cameraMenu = new Menu('Choose camera', 'camera-menu', () => [{ title: 'Camera', items: this.#inputs('camera') }]);
    const group = (...children: Node[]) => h('div', { class: 'control-group' }, ...children);
    this.element = h('div', { class: 'controls', role: 'toolbar', 'aria-label': 'Call controls' },
      group(this.#microphone, microphoneMenu.element), group(this.#camera, cameraMenu.element), this.#screen, this.#stats, leave);
    addEventListener('keydown', this.#onKey);
  }

  update(statsShown: boolean): void {
    const { devices } = this.#options;
    this.#show(this.#microphone, 'microphone', devices.isOn('microphone'), ['microphone', 'microphone-off'], ['Mute', 'Unmute', 'M']);
    this.#show(this.#camera, 'camera', devices.isOn('camera'), ['camera', 'camera-off'], ['Turn camera off', 'Turn camera on', 'V']);
    this.#show(this.#screen, 'screen', devices.isOn('screen'), ['screen-stop', 'screen'], ['Stop sharing', 'Share screen', 'S']);
    this.#screen.classList.toggle('control--active', devices.isOn('screen'));
    this.#screen.classList.remove('control--off');
    swapIcon(this.#stats, 'stats');
    name(this.#stats, statsShown ? 'Hide statistics' : 'Show statistics', 'I');
    setAttribute(this.#stats, 'aria-pressed', String(statsShown));
    this.#stats.classList.toggle('control--active', statsShown);
  }

  close(): void {
    removeEventListener('keydown', this.#onKey);
  }

  #show(control: HTMLButtonElement, source: Input | 'screen', on: boolean, icons: readonly [IconName, IconName], words: readonly [string, string, string]): void {
    const allowed = this.#options.allowed(source) && (source !== 'screen' || navigator.mediaDevices?.getDisplayMedia !== undefined);
    swapIcon(control, on ? icons[0] : icons[1]);
    name(control, allowed ? (on ? words[0] : words[1]) : `Your access does not include the ${source}`, words[2]);
    setAttribute(control, 'aria-pressed', String(on));
    control.classList.toggle('control--off', !on && allowed);
    control.disabled = !allowed;
  }

  /** Single keys, where no text is typed and no menu is open. */
  readonly #onKey = (event: KeyboardEvent): void => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || target.closest('input, select, textarea, [role="menu"]') !== null) return;
    const buttons: Record<string, HTMLButtonElement> = { m: this.#microphone, v: this.#camera, s: this.#screen, i: this.#stats };
    buttons[event.key.toLowerCase()]?.click();
  };

  #toggle(input: Input): void {
    const { devices, onPreferences } = this.#options;
    void devices.toggle(input).then(() => {
      devices.preferences[input] = devices.isOn(input);
      onPreferences();
    });
  }

  #toggleScreen(): void {
    const { devices } = this.#options;
    if (devices.isOn('screen')) devices.stopScreen();
    else void devices.startScreen();
  }

  #soundSections(): { title: string; items: MenuItem[] }[] {
    const { devices, onSpeaker } = this.#options;
    const microphones = { title: 'Microphone', items: this.#inputs('microphone') };
    if (!AudioSink.canChooseSpeaker || devices.lists.speakers.length === 0) return [microphones];
    const chosen = devices.preferences.speakerId || 'default';
    const speakers = devices.lists.speakers.map(({ deviceId, label }) => ({ label: label || 'Speaker', checked: deviceId === chosen, choose: () => onSpeaker(deviceId) }));
    return [microphones, { title: 'Speaker', items: speakers }];
  }

  #inputs(input: Input): MenuItem[] {
    const { devices, onPreferences } = this.#options;
    const found = input === 'camera' ? devices.lists.cameras : devices.lists.microphones;
    const used = devices.track(input)?.getSettings().deviceId ?? (input === 'camera' ? devices.preferences.cameraId : devices.preferences.microphoneId);
    return found.map(({ deviceId, label }, index) => ({
      label: label || `${input === 'camera' ? 'Camera' : 'Microphone'} ${index + 1}`,
      checked: deviceId === used,
      choose: () => void devices.choose(input, deviceId).then(onPreferences),
    }));
  }
}

function button(testid: string, onclick: () => void): HTMLButtonElement {
  return h('button', { class: 'control', type: 'button', testid, onclick });
}

function name(control: HTMLButtonElement, words: string, key: string): void {
  setAttribute(control, 'aria-label', words);
  setAttribute(control, 'title', `${words} (${key})`);
  setAttribute(control, 'aria-keyshortcuts', key);
}
