/** A tool that rewrites functions so that they need a helper of their file. */
interface Tool {
  readonly pattern: RegExp;
  /** Completes "`_x` …". */
  readonly origin: string;
  readonly advice: string;
}

const tools: readonly Tool[] = [
  {
    pattern: /^(__vite_ssr_(import_\d+|dynamic_import|import_meta)__|__vi_(import_\d+|.+)__|__vi_import__)$/,
    origin: 'is how Vite and Vitest rewrite an import',
    advice: 'Import inside of the function through a module that they do not transform',
  },
  {
    pattern: /(^__webpack_\w+|_WEBPACK_IMPORTED_MODULE_\d+_|^__turbopack_\w+|^\$parcel\$\w+)/,
    origin: 'is how a bundler (webpack, Turbopack or Parcel) rewrites an import',
    advice: 'Keep the function in a file that is not bundled',
  },
  {
    pattern: /^cov_[a-z0-9]+$/,
    origin: 'is a counter that Istanbul adds to measure coverage',
    advice:
      'Exclude the file from coverage, write `/* istanbul ignore next */` before the function, or measure with V8',
  },
  {
    pattern:
      /^(tslib(_\d+)?|__(awaiter|generator|spreadArray|assign|rest|read|values|asyncValues|asyncGenerator|asyncDelegator|await|decorate|param|metadata|esDecorate|runInitializers|extends|makeTemplateObject|classPrivateField(Get|Set|In)|importDefault|importStar|addDisposableResource|disposeResources|propKey|setFunctionName))$/,
    origin: 'is a helper of the TypeScript compiler',
    advice: 'Set `"target": "es2022"` or later in tsconfig.json',
  },
  {
    pattern:
      /^__(publicField|private(Get|Set|Add|Method|In|Wrapper)|accessCheck|spread(Values|Props)|objRest|async|await|asyncGenerator|yieldStar|forAwait|pow|template|toESM|toCommonJS|require|export|commonJS|using|callDispose|decorate(Class|Element|Param)|defNormalProp)$/,
    origin: 'is a helper of esbuild',
    advice: 'Set `target` to `node20` or later',
  },
  {
    pattern:
      /^_(async_to_generator|asyncToGenerator|async_generator\w*|wrap_async_generator|ts_generator|ts_\w+|regeneratorRuntime|regenerator_runtime|object_spread(_props)?|objectSpread\d*|object_without_properties\w*|objectWithoutProperties\w*|object_destructuring_empty|sliced_to_array|slicedToArray|to_consumable_array|toConsumableArray|to_array|to_property_key|toPropertyKey|array_\w+|arrayLikeToArray|iterable_to_array\w*|create_class|createClass|class_call_check|classCallCheck|class_private_\w+|classPrivate\w+|class_static_private_\w+|define_property|defineProperty|extends|inherits|call_super|callSuper|get_prototype_of|set_prototype_of|possible_constructor_return|assert_this_initialized|instanceof|type_of|typeof|interop_require_\w+|interopRequire\w+|tagged_template_literal|taggedTemplateLiteral|using_ctx|usingCtx|dispose|apply_decs_\w+|applyDecs\w*|create_for_of_iterator_helper\w*|createForOfIteratorHelper\w*|await_async_generator|awaitAsyncGenerator|async_iterator|asyncIterator)$/,
    origin: 'is a helper of SWC or Babel',
    advice: 'Compile for Node 20 or later (`jsc.target: "es2022"`, or `targets: { node: "20" }`)',
  },
];

/**
 * Explains free variables that no one wrote: a transpiler or minifier put them there. `undefined` if none of the names
 * is known.
 */
export function explainHelpers(names: readonly string[]): string | undefined {
  for (const tool of tools) {
    const name = names.find((each) => tool.pattern.test(each));
    if (name !== undefined) return `\`${name}\` ${tool.origin}. ${tool.advice}`;
  }
  return undefined;
}
