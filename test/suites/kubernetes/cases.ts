import type { Case } from './case.ts'
import { injection } from './cases/injection.ts'
import { install } from './cases/install.ts'
import { lifecycle } from './cases/lifecycle.ts'
import { plainPods } from './cases/plain-pods.ts'
import { thousandPods } from './cases/scale.ts'
import { source } from './cases/source.ts'
import { status } from './cases/status.ts'
import { tokens } from './cases/tokens.ts'
import { transparent } from './cases/transparent.ts'

export const cases: readonly Case[] = [
  plainPods,
  install,
  injection,
  tokens,
  source,
  status,
  lifecycle,
  transparent,
  thousandPods,
]
