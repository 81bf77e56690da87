import type { Case } from './case.ts'
import { footprint } from './cases/footprint.ts'
import { injected } from './cases/injected.ts'
import { networks } from './cases/networks.ts'
import { scale } from './cases/scale.ts'
import { shop } from './cases/shop.ts'

export const cases: readonly Case[] = [shop, injected, networks, scale, footprint]
