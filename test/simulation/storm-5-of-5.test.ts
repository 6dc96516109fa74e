/** One of five storms that are 500,000 steps together: the real controllers where people, hardware and the network do what they do. */
import { stormOf } from './storm-suite';

stormOf(5);
