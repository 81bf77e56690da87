import { extname } from 'node:path'

/**
 * Of files that are loaded by their name, such as threads: `.ts` where the sources run as they are, `.js` in the
 * package. Imports need none of this; the compiler rewrites them.
 */
export const codeExtension = extname(import.meta.filename)
