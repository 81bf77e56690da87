import type { Random } from '../base/random.ts'

/** W3C Trace Context, the part that `traceparent` carries. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits: the span that is the parent of whatever receives this. */
  readonly spanId: string
  /** Bit 0: sampled; bit 1: the trace id is random. */
  readonly flags: number
}

const sampledFlag = 1
const randomFlag = 2

/** `<version>-<trace id>-<span id>-<flags>`; versions after 00 may append more. */
const traceparent =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/
const firstVersionLength = 55

/** Undefined when malformed: the receiver then starts a trace of its own. */
export function parseTraceparent(value: string): TraceContext | undefined {
  if (!traceparent.test(value)) return undefined
  if (value.startsWith('00') && value.length !== firstVersionLength) return undefined
  return {
    traceId: value.slice(3, 35),
    spanId: value.slice(36, 52),
    // Flags that this version does not know must not be passed on (§3.2.2.5).
    flags: Number.parseInt(value.slice(53, 55), 16) & (sampledFlag | randomFlag),
  }
}

export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-0${context.flags}`
}

export function startTrace(sampled: boolean, random: Random): TraceContext {
  return {
    traceId: hexadecimal(4, random),
    spanId: hexadecimal(2, random),
    flags: sampled ? sampledFlag | randomFlag : randomFlag,
  }
}

/** The context for a span within `parent`. */
export function childOf(parent: TraceContext, random: Random): TraceContext {
  return { traceId: parent.traceId, spanId: hexadecimal(2, random), flags: parent.flags }
}

/** Eight digits a word. The first is never all zero, for an id of zeros is invalid. */
function hexadecimal(words: number, random: Random): string {
  let text = ''
  for (let i = 0; i < words; i++) {
    const word = Math.floor(random() * 0x1_0000_0000)
    text += (i === 0 ? Math.max(word, 1) : word).toString(16).padStart(8, '0')
  }
  return text
}

/** The same as AWS writes it in `X-Amzn-Trace-Id`. */
export function formatAmznTrace({ traceId, spanId, flags }: TraceContext): string {
  const root = `1-${traceId.slice(0, 8)}-${traceId.slice(8)}`
  return `Root=${root};Parent=${spanId};Sampled=${flags & sampledFlag}`
}
