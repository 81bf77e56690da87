/**
 * What is done to the path of a request before policies look at it, in Istio's words. `base`: RFC 3986 §6.2.2, dot
 * segments and needless percent signs. `mergeSlashes`: `//` becomes `/` too. `decodeAndMergeSlashes`: `%2F`, `%5C` and
 * `\` become `/` as well, which the others refuse.
 */
export const pathNormalizations = ['none', 'base', 'mergeSlashes', 'decodeAndMergeSlashes'] as const

export type PathNormalization = (typeof pathNormalizations)[number]
