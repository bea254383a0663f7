# How similar languages are, and by the subwords of a model.


# Of the user's own table that is missing, the stage says better than Snakemake what to do.
use rule stage as compare_languages with:
    input:
        [file for file in [CONFIG.similarity.file] if file is not None and os.path.isfile(file)],
        texts=paths.texts(ALIGNMENT),
    output:
        similarity="<results>/similarity/languages.csv",
    log:
        "<logs>/compare_languages/languages.log",
    params:
        **contract("compare_languages", SLICES.compare_languages()),


use rule stage as compare_subwords with:
    input:
        model=paths.manifest(),
        texts=paths.texts(ALIGNMENT),
    output:
        similarity="<results>/similarity/{model}/subwords.csv",
    log:
        "<logs>/compare_subwords/{model}.log",
    params:
        **contract("compare_subwords", SLICES.compare_subwords()),
