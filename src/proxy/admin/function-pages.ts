import { monotonicNow } from '../../base/clock.ts'
import type { FunctionHost } from '../../functions/function-host.ts'
import type { Instance } from '../../functions/runtime/instance.ts'
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

function instanceStatus(instance: Instance, now: number) {
  const { number, pid, session, idleSince } = instance
  return {
    number,
    pid,
    state: stateOf(instance),
    active: session.active,
    ...(idleSince <= now && { idleMs: Math.round(now - idleSince) }),
  }
}

function stateOf({ ready, retired, frozen, session }: Instance): string {
  if (retired) return 'ending'
  if (!ready) return 'starting'
  if (session.active > 0) return 'busy'
  return frozen ? 'frozen' : 'idle'
}

/** What the instances wrote, after the line that `?after=` names. */
export function functionLogs(host: FunctionHost | undefined, query: URLSearchParams): AdminAnswer {
  if (host === undefined) return none
  const after = Number(query.get('after') ?? 0)
  return jsonAnswer({ lines: host.log.after(Number.isFinite(after) ? after : 0) })
}
