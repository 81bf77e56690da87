import type { Route } from '../../model/route.ts'
import type { Snapshot } from '../../model/snapshot.ts'

/** A snapshot as people may see it: without the keys of sessions. */
export function shownSnapshot(snapshot: Snapshot | undefined): object | undefined {
  if (snapshot === undefined) return undefined
  const services = Object.entries(snapshot.services).map(([name, service]) => [
    name,
    { ...service, routes: service.routes.map(withoutKey) },
  ])
  return { ...snapshot, services: Object.fromEntries(services) as object }
}

function withoutKey(route: Route): object {
  return route.session === undefined
    ? route
    : { ...route, session: { ...route.session, key: 'not shown' } }
}
