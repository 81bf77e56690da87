import { uids } from './users.ts'

/** What an image would hold: nothing is pulled, every name stands for a program of this checkout. */
export interface Image {
  readonly entrypoint: readonly string[]
  readonly arguments: readonly string[]
  /** Of its Dockerfile's USER. */
  readonly user: number
}

/** `weft:…` is Weft; `app:NAME` is a program of `apps/`. @returns undefined for any other, as where a pull fails. */
export function findImage(reference: string): Image | undefined {
  const [repository = '', tag = 'latest'] = reference.split(/:(?!.*\/)/)
  if (repository.endsWith('weft'))
    return { entrypoint: ['weft'], arguments: ['--help'], user: uids.weft }
  if (repository !== 'app') return undefined
  const program = `/opt/weft/test/suites/kubernetes/apps/${tag}.ts`
  return { entrypoint: ['node', program], arguments: [], user: uids.application }
}
