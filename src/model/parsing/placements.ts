import { backendProblems } from '../function/backend-problems.ts'
import type { BackendSettings } from '../function/function-placement.ts'
import type { FunctionResource } from '../kinds/function/function.ts'
import { residencyProblem, residencyProblems, regionOf } from '../function/residency.ts'
import type { Report } from './references.ts'
import type { Sourced } from './validate.ts'

/** Where functions may run: what cannot work, and what would bring data to where it must not be. */
export function checkPlacements(sources: readonly Sourced[], report: Report): void {
  const homeRegion = sources
    .map(({ resource }) => (resource.kind === 'Mesh' ? resource.spec.region : undefined))
    .find(region => region !== undefined)
  for (const source of sources) {
    const { resource } = source
    if (resource.kind === 'Function') checkPlacement(source, resource, { homeRegion, report })
  }
}

interface Surroundings {
  readonly homeRegion: string | undefined
  readonly report: Report
}

function checkPlacement(
  source: Sourced,
  { spec: { placement } }: FunctionResource,
  { homeRegion, report }: Surroundings,
): void {
  if (placement === undefined) return
  const { residency, backends } = placement
  for (const [index, backend] of backends.entries()) {
    const path = ['spec', 'placement', 'backends', index]
    const hint = hintFor(backend, { residency, homeRegion })
    const problems = [
      ...(backend.kind === 'local' ? [] : backendProblems(backend)),
      ...residencyProblems({ residency, homeRegion }, [backend]).map(problem => problem + hint),
    ]
    for (const problem of problems) report(source, path, problem)
  }
}

/** Whoever reads that the region is not known wants to know where to say it. */
function hintFor(
  backend: BackendSettings,
  {
    residency,
    homeRegion,
  }: { residency: readonly string[] | undefined; homeRegion: string | undefined },
): string {
  const region = regionOf(backend, homeRegion)
  const outside = residencyProblem({ residency }, { name: backend.name, region })
  if (outside === undefined || region !== undefined) return ''
  return backend.kind === 'local' ? '; give spec.region of the Mesh' : '; give its region'
}
