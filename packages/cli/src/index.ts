export { openCastellan, type Castellan, type CastellanOptions } from './open-castellan.ts'
