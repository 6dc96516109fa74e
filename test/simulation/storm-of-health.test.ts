/** The real node-health where machines ail, and everything else happens, too. */
import { stormOfHealth } from './storm-of-health-suite';

stormOfHealth(1);
