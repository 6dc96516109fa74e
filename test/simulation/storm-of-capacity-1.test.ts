/** The odd ones of five storms of capacity. */
import { stormsOfCapacity } from './storm-suite';

stormsOfCapacity(1, 3, 5);
