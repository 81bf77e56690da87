import { monotonicNow } from '../../base/clock.ts'
import type { FunctionHost } from '../../functions/function-host.ts'
import type { Instance } from '../../functions/instance.ts'
import { jsonAnswer, type AdminAnswer } from './admin.ts'

const none = jsonAnswer({ error: 'this sidecar hosts no function' }, 404)

/** The function that a sidecar hosts, and its instances. */
export function functionPage(host: FunctionHost | undefined): AdminAnswer {
  if (host === undefined) return none
  const { spec, instances, queued, counters } = host
  const now = monotonicNow()
  return jsonAnswer({
    name: spec?.name,
    namespace: spec?.namespace,
    scale: spec?.scale,
    queued,
    ...counters,
    instances: instances.map(instance => instanceStatus(instance, now)),
  })
}

function instanceStatus(
  { number, pid, ready, retired, session, idleSince }: Instance,
  now: number,
) {
  const state = session.active > 0 ? 'busy' : 'idle'
  return {
    number,
    pid,
    state: retired ? 'ending' : ready ? state : 'starting',
    active: session.active,
    ...(idleSince <= now && { idleMs: Math.round(now - idleSince) }),
  }
}

/** What the instances wrote, after the line that `?after=` names. */
export function functionLogs(host: FunctionHost | undefined, query: URLSearchParams): AdminAnswer {
  if (host === undefined) return none
  const after = Number(query.get('after') ?? 0)
  return jsonAnswer({ lines: host.log.after(Number.isFinite(after) ? after : 0) })
}
