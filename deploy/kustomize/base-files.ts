import { customResourceDefinitions } from '../../src/cli/kubernetes/manifests/custom-resources.ts'
import { installSettings } from '../../src/cli/kubernetes/manifests/install-settings.ts'
import { installation } from '../../src/cli/kubernetes/manifests/installation.ts'
import { formatManifests } from '../../src/cli/kubernetes/manifests/manifest.ts'
import { version } from '../../src/cli/version.ts'

/** By their names: what `weft install` prints by default. */
export function baseFiles(): ReadonlyMap<string, string> {
  const settings = installSettings.parse({ customResources: false })
  return new Map([
    ['crds.yaml', formatManifests(customResourceDefinitions(version))],
    ['weft.yaml', formatManifests(installation(settings, version))],
  ])
}
