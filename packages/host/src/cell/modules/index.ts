import type { CellModule } from '../module.ts'
import { authModule } from './auth.ts'
import { cacheModule } from './cache.ts'
import { chartModule } from './chart.ts'
import { cryptoModule } from './crypto.ts'
import { dashboardModule } from './dashboard.ts'
import { dbModule } from './db.ts'
import { encodeModule } from './encode.ts'
import { formdataModule } from './formdata.ts'
import { fsModule } from './fs.ts'
import { htmlModule } from './html.ts'
import { httpclientModule } from './httpclient.ts'
import { imageModule } from './image.ts'
import { mimeTypesModule } from './mime-types.ts'
import { pdfModule } from './pdf.ts'
import { platformModule } from './platform.ts'
import { qrcodeModule } from './qrcode.ts'
import { querystringModule } from './querystring.ts'
import { urlModule } from './url.ts'
import { utilsModule } from './utils.ts'
import { uuidModule } from './uuid.ts'
import { zipModule } from './zip.ts'

/** Everything that an app can require by name, apart from its own files. */
export const MODULES: readonly CellModule[] = [
  authModule,
  cacheModule,
  chartModule,
  cryptoModule,
  dashboardModule,
  dbModule,
  encodeModule,
  formdataModule,
  fsModule,
  htmlModule,
  httpclientModule,
  imageModule,
  mimeTypesModule,
  pdfModule,
  platformModule,
  qrcodeModule,
  querystringModule,
  urlModule,
  utilsModule,
  uuidModule,
  zipModule,
]
