import type { BackendSettings, PlacementSettings } from './function-placement.ts'

/** What residency is decided by. */
export interface Placed {
  readonly name: string
  readonly region: string | undefined
}

export type ResidencyPolicy = Pick<PlacementSettings, 'residency'>

/** Data was about to go where it must not be. */
export class ResidencyError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ResidencyError'
  }
}

/** Why data may not be there; undefined when it may. A region that nobody has named is not among the allowed. */
export function residencyProblem(
  { residency }: ResidencyPolicy,
  { region }: Placed,
): string | undefined {
  if (residency === undefined) return undefined
  const allowed = residency.join(', ') || 'none'
  if (region === undefined || region === '') return `its region is not known (allowed: ${allowed})`
  const inside = residency.some(pattern => matches(pattern, region))
  return inside ? undefined : `region ${region} is not allowed (allowed: ${allowed})`
}

/** The last look before bytes leave. @throws ResidencyError */
export function assertResident(policy: ResidencyPolicy, backend: Placed): void {
  const problem = residencyProblem(policy, backend)
  if (problem !== undefined) throw new ResidencyError(`backend ${backend.name}: ${problem}`)
}

/** Everything wrong with where a configuration would have data go. */
export function residencyProblems(
  policy: Pick<PlacementSettings, 'residency' | 'homeRegion'>,
  backends: readonly BackendSettings[],
): string[] {
  const problems: string[] = []
  for (const backend of backends) {
    const region = regionOf(backend, policy.homeRegion)
    const outside = residencyProblem(policy, { name: backend.name, region })
    if (outside !== undefined) problems.push(`backend ${backend.name}: ${outside}`)
    const evident = evidentRegion(backend)
    if (evident !== undefined && region !== undefined && !sameRegion(evident, region))
      problems.push(
        `backend ${backend.name}: its region is given as ${region}, but its address is in ${evident}`,
      )
  }
  return problems
}

export function regionOf(
  backend: BackendSettings,
  homeRegion: string | undefined,
): string | undefined {
  return backend.kind === 'local' ? homeRegion : backend.region
}

function matches(pattern: string, region: string): boolean {
  return pattern.endsWith('*') ? region.startsWith(pattern.slice(0, -1)) : region === pattern
}

/** Where an address itself says that it is. Undefined: it does not say. */
function evidentRegion(backend: BackendSettings): string | undefined {
  switch (backend.kind) {
    case 'local':
      return undefined
    case 'aws-lambda':
      return arnRegion(backend.functionName) ?? awsRegion(backend.endpoint)
    default: {
      const hostname = URL.parse(backend.url)?.hostname ?? ''
      // Google: NAME-NUMBER.REGION.run.app, REGION-PROJECT.cloudfunctions.net. Azure: APP-HASH.REGION-NN.azurewebsites.net
      const patterns = [
        /\.([a-z]+-[a-z]+\d+)\.run\.app$/,
        /^([a-z]+-[a-z]+\d+)-.+\.cloudfunctions\.net$/,
        /\.([a-z]+\d*)-\d\d\.azurewebsites\.net$/,
      ]
      return patterns.map(pattern => pattern.exec(hostname)?.[1]).find(found => found !== undefined)
    }
  }
}

function arnRegion(functionName: string): string | undefined {
  return /^arn:[\w-]+:lambda:([\w-]+):/.exec(functionName)?.[1]
}

function awsRegion(endpoint: string | undefined): string | undefined {
  const hostname = endpoint === undefined ? '' : (URL.parse(endpoint)?.hostname ?? '')
  return /(?:^|\.)lambda\.([\w-]+)\.(?:vpce\.)?amazonaws\.com(?:\.cn)?$/.exec(hostname)?.[1]
}

/** Azure writes `westeurope` and `West Europe`. */
function sameRegion(a: string, b: string): boolean {
  const plain = (name: string): string => name.toLowerCase().replaceAll(' ', '')
  return plain(a) === plain(b)
}
