import type { HttpLimits } from '../limits.ts'
import type { FrameWriter, Setting } from './frame-writer.ts'
import { defaultWindowBytes, settingId } from './protocol.ts'

/** HPACK tables, each direction. */
export const tableBytes = 16 * 1024

/**
 * Receive window of the connection. It is given back on receipt, so that a stream whose reader stalls never
 * stalls the others; memory is bounded by the windows of the streams.
 */
export const connectionWindowBytes = 16 * 1024 * 1024

/** What a side says before anything else (RFC 9113 §3.4). `settings`: those of this side alone. */
export function writePreface(
  writer: FrameWriter,
  limits: HttpLimits,
  side: 'client' | 'server',
  settings: readonly Setting[],
): void {
  if (side === 'client') writer.preface()
  writer.settings([
    ...settings,
    [settingId.headerTableSize, tableBytes],
    [settingId.initialWindowSize, limits.streamWindowBytes],
    [settingId.maxFrameSize, limits.maxFrameBytes],
    [settingId.maxHeaderListSize, limits.maxHeadBytes],
    [settingId.weftFields, 1],
  ])
  writer.windowUpdate(0, connectionWindowBytes - defaultWindowBytes)
}
