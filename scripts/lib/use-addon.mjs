// Loaded after the TypeScript loader, which is a napi-rs package too and listens to the same variable.
process.env['NAPI_RS_NATIVE_LIBRARY_PATH'] = process.env['PRIMARENA_TEST_ADDON']
