import type { PutRefusal } from '../event-queue.ts'

/** "insufficient resources", "resource limits exceeded for account", "insufficient storage resources available" */
const noRoomOnDisk: ReadonlySet<number> = new Set([10_023, 10_002, 10_047])

/** Why the server did not store a message: codes of its `errors.json`. Whatever else goes wrong leaves it open. */
export function refusalOf(error: unknown): { reason: PutRefusal; detail: string } {
  const { message, name, code } = error as { message: string; name: string; code?: unknown }
  const detail = `NATS did not store the event: ${message}`
  if (name !== 'JetStreamApiError') return { reason: 'unavailable', detail }
  if (/maximum bytes exceeded/.test(message)) return { reason: 'bytes', detail }
  if (/maximum messages (?:per subject )?exceeded/.test(message)) return { reason: 'count', detail }
  // A failed write has no code of its own: "error opening msg block file … no space left on device"
  const disk = typeof code === 'number' && noRoomOnDisk.has(code)
  return { reason: disk || /no space left/.test(message) ? 'disk' : 'unavailable', detail }
}
