import { Memory } from './memory.js'
import { noteCopy } from './second-copy.js'

noteCopy(import.meta.url)

/** The default `Memory` of this process or worker. It costs next to nothing until it is used. */
export const memory: Memory = new Memory({ name: 'default' })
