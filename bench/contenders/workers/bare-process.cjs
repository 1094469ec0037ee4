'use strict';
require('node:fs').writeSync(1, String(Number(process.argv[2]) + 1));
