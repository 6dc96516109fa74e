/** One of two storms of capacity: every phase of a node meets everything that happens. */
import { stormOfCapacity } from './storm-suite';

stormOfCapacity(1);
