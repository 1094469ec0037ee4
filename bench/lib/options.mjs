import { parseArgs } from 'node:util';
import { names as contenderNames } from '../contenders/index.mjs';
import { names as shapeNames } from '../shapes/index.mjs';

const help = `node bench/run.mjs [options]

  --shape a,b    only these shapes (default: all of them)
  --only a,b     only these contenders (default: all of them)
  --rounds N     rounds per shape (default 15)
  --quick        3 rounds, shorter
  --out FILE     where the results go (default bench/results.json; with --shape, --only or --quick: nowhere)
  --help         this text

shapes:     ${shapeNames.join(', ')}
contenders: ${contenderNames.join(', ')}`;

/** The options of the command line; throws with a message for the user. */
export function options(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      shape: { type: 'string' },
      only: { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const list = (name, text, known) => {
    if (text === undefined) return null;
    const chosen = text.split(',');
    const unknown = chosen.find((item) => !known.includes(item));
    if (unknown !== undefined) throw new Error(`unknown ${name} \`${unknown}\`; there are ${known.join(', ')}`);
    return chosen;
  };
  const rounds = values.rounds === undefined ? (values.quick ? 3 : 15) : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(`Expected \`--rounds\` to be an integer from 1 up, got \`${values.rounds}\``);
  }
  const shapes = list('shape', values.shape, shapeNames);
  const only = list('contender', values.only, contenderNames);
  const whole = shapes === null && only === null && !values.quick;
  const out = values.out ?? (whole ? new URL('../results.json', import.meta.url) : null);
  return { shapes: shapes ?? shapeNames, only, rounds, quick: values.quick, out, help: values.help ? help : null };
}
