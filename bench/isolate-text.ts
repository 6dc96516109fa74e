export const toMarkdown = (_: unknown) => '';
