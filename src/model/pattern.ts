const maxLength = 512

/** A group that repeats and holds a repetition itself: the shape of exponential backtracking. */
const nestedQuantifier = /\((?:[^()\\]|\\.)*(?:[*+]|\{\d+,\d*\})(?:[^()\\]|\\.)*\)(?:[*+?]|\{)/
/** A repeated group with alternatives, which may overlap. */
const repeatedAlternatives = /\((?:[^()\\]|\\.)*\|(?:[^()\\]|\\.)*\)(?:[*+]|\{)/
const lookAround = /\(\?(?:<?[=!])/
const backReference = /\\(?:[1-9]|k<)/

/**
 * Why a pattern may not stand in the configuration; undefined when it may (faults E7). Refuses more than
 * strictly needed: what remains is matched in time linear in practice, on the request path.
 */
export function unsafePattern(source: string): string | undefined {
  if (source.length > maxLength) return `is longer than ${maxLength} characters`
  if (lookAround.test(source)) return 'look-around is not supported'
  if (backReference.test(source)) return 'back-references are not supported'
  if (nestedQuantifier.test(source) || hasDeepGroup(source))
    return 'a repeated group must not hold a repetition: it could take exponential time'
  if (repeatedAlternatives.test(source))
    return 'a repeated group must not hold alternatives: it could take exponential time'
  try {
    new RegExp(source)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Groups within a repeated group are not looked into further. */
function hasDeepGroup(source: string): boolean {
  let depth = 0
  let deepest = 0
  for (let i = 0; i < source.length; i++) {
    const character = source[i]
    if (character === '\\') i++
    else if (character === '(') deepest = Math.max(deepest, ++depth)
    else if (character === ')') {
      const next = source[i + 1] ?? ''
      if (deepest > depth && '*+{'.includes(next) && next !== '') return true
      depth--
      if (depth === 0) deepest = 0
    }
  }
  return false
}
