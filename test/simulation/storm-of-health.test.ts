/** A storm of health: machines ail, reboot and recover under the real node-health, and under everything else that happens. */
import { stormOfHealth } from './storm-of-health-suite';

stormOfHealth(1);
