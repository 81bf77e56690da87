import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Test } from 'tap'
import { KubernetesApi } from '../../../../../src/control/kubernetes/api/kubernetes-api.ts'
import {
  ListWatch,
  type ListWatchOptions,
} from '../../../../../src/control/kubernetes/api/list-watch.ts'
import { monotonicNow } from '../../../../../src/base/clock.ts'
import type { Logger } from '../../../../../src/base/log.ts'
import { FakeApiServer } from '../../../../support/kubernetes/fake-api-server.ts'

export const services = '/api/v1/services'

export function service(name: string, port = 80, namespace = 'shop') {
  return { metadata: { name, namespace }, spec: { ports: [{ port }] } }
}

/** Turns of the event loop, until it holds; the test's own timeout ends it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn()
}

export async function clientOf(
  t: Test,
  server: FakeApiServer,
  watchSilenceMs = 150_000,
): Promise<KubernetesApi> {
  const tokenFile = `${t.testdir({ token: `${server.token}\n` })}/token`
  const options = { server: server.url, tokenFile, caFile: '/nowhere', watchSilenceMs }
  const api = new KubernetesApi(options)
  t.teardown(() => api.close())
  return api
}

type Port = number | undefined

function portOf(object: object): Port {
  return (object as ReturnType<typeof service>).spec.ports[0]?.port
}

export interface Watching {
  readonly server: FakeApiServer
  readonly api: KubernetesApi
  readonly list: ListWatch<Port>
  readonly warnings: string[]
  readonly changes: () => number
  readonly objects: () => Record<string, Port>
}

type Changes = Partial<ListWatchOptions<Port>> & {
  readonly watchSilenceMs?: number
  /** Before it starts. */
  readonly prepare?: (server: FakeApiServer) => void
}

/** A server with one Service, and a ListWatch of the ports of all, which waits next to nothing after failures. */
export async function watchServices(t: Test, changes: Changes = {}): Promise<Watching> {
  const { prepare, watchSilenceMs, ...options } = changes
  const server = await FakeApiServer.start(t)
  server.put(services, service('orders'))
  prepare?.(server)
  const api = await clientOf(t, server, watchSilenceMs)
  const warnings: string[] = []
  const warn = (fields: { error?: Error; object?: string }, text: string): void =>
    void warnings.push(fields.error?.message ?? text)
  const logger = { debug: () => {}, info: () => {}, warn, error: warn } as Logger
  let count = 0
  const list = ListWatch.start({
    api,
    path: services,
    what: 'Services',
    select: portOf,
    onChange: () => void count++,
    logger,
    random: () => 0.5,
    now: monotonicNow,
    timing: { backoffBaseMs: 2, backoffMaxMs: 10, absentMs: 20 },
    ...options,
  })
  t.teardown(() => list.close())
  const objects = (): Record<string, Port> => Object.fromEntries(list.objects)
  return { server, api, list, warnings, changes: () => count, objects }
}
