'use strict';
const work = require('../../work.cjs');
require('synckit').runAsWorker((name, arg) => work[name](arg));
