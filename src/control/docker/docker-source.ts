import type { LoadResult } from '../../model/configuration.ts'
import type { ConfigurationSource } from '../configuration-source.ts'
import { containerServices } from './container-services.ts'
import type { ContainerWatch } from './container-watch.ts'

/**
 * Services from labels of containers, and addresses of those without a sidecar. Who has one announces itself: then the
 * labels make the Service, and the registration the endpoint.
 */
export class DockerSource implements ConfigurationSource {
  readonly #watch: Pick<ContainerWatch, 'refresh' | 'start' | 'containers'>
  #onChange: (result: LoadResult) => void = () => {}
  #told = ''

  constructor(watch: Pick<ContainerWatch, 'refresh' | 'start' | 'containers'>) {
    this.#watch = watch
  }

  /** @throws EngineError when the engine does not answer. */
  async load(): Promise<LoadResult> {
    await this.#watch.refresh()
    const result = containerServices(this.#watch.containers)
    this.#told = JSON.stringify(result)
    return result
  }

  async watch(onChange: (result: LoadResult) => void): Promise<void> {
    this.#onChange = onChange
    await this.#watch.start()
  }

  /** Containers are not what they were. */
  changed(): void {
    const result = containerServices(this.#watch.containers)
    const text = JSON.stringify(result)
    if (text === this.#told) return
    this.#told = text
    this.#onChange(result)
  }

  /** The watch is its owner's to close. */
  close(): void {
    this.#onChange = () => {}
  }
}
