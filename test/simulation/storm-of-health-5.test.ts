/** One of five storms of health: the real controllers where people, hardware and the network do what they do. */
import { stormOfHealth } from './storm-suite';

stormOfHealth(5);
