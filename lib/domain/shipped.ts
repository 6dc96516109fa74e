/** Where it is written what was deployed with the controllers and must stay as it is. */

/** ConfigMap in the namespace of the controllers. */
export const SHIPPED_CONFIG_MAP = 'aicluster-shipped';

/** Its key: a JSON list of objects. */
export const SHIPPED_KEY = 'objects.json';
