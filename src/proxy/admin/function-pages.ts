import { monotonicNow } from '../../base/clock.ts'
import type { FunctionHost } from '../../functions/function-host.ts'
import type { FunctionHosting } from '../../functions/function-hosting.ts'
import type { Instance } from '../../functions/runtime/instance.ts'
import { jsonAnswer, type AdminAnswer } from './answer.ts'

const none = jsonAnswer({ error: 'this sidecar hosts no function' }, 404)

/** The function that a sidecar hosts, and its instances. */
export function functionPage(hosting: FunctionHosting | undefined): AdminAnswer {
  if (hosting === undefined) return none
  const { versions, events } = hosting
  const { function: hosted, hosts } = versions
  return jsonAnswer({
    name: hosted?.name,
    namespace: hosted?.namespace,
    aliases: hosted?.aliases,
    versions: [...hosts.values()].map(versionStatus),
    events: events.counters,
    triggers: events.triggers.map(({ counters }) => counters),
  })
}

function versionStatus({ spec, instances, queued, counters }: FunctionHost) {
  const now = monotonicNow()
  return {
    version: spec?.version,
    scale: spec?.scale,
    queued,
    ...counters,
    instances: instances.map(instance => instanceStatus(instance, now)),
  }
}

function instanceStatus(instance: Instance, now: number) {
  const { number, pid, session, idleSince } = instance
  return {
    number,
    pid,
    state: instanceState(instance),
    active: session.active,
    ...(idleSince <= now && { idleMs: Math.round(now - idleSince) }),
  }
}

/** What an instance can be doing. */
export const instanceStates = ['starting', 'idle', 'frozen', 'busy', 'ending'] as const

export function instanceState({
  ready,
  retired,
  frozen,
  session,
}: Instance): (typeof instanceStates)[number] {
  if (retired) return 'ending'
  if (!ready) return 'starting'
  if (session.active > 0) return 'busy'
  return frozen ? 'frozen' : 'idle'
}

/** Where the next call of the function would go, and why. */
export function placementPage(hosting: FunctionHosting | undefined): AdminAnswer {
  if (hosting === undefined) return none
  const { function: hosted, placed } = hosting.versions
  const { name, namespace } = hosted ?? {}
  return jsonAnswer({ name, namespace, placement: placed?.explain() ?? null })
}

/** What the instances wrote, after the line that `?after=` names. */
export function functionLogs(
  hosting: FunctionHosting | undefined,
  query: URLSearchParams,
): AdminAnswer {
  if (hosting === undefined) return none
  const after = Number(query.get('after') ?? 0)
  return jsonAnswer({ lines: hosting.versions.log.after(Number.isFinite(after) ? after : 0) })
}
