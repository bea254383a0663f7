# How similar languages are, and by the subwords of a model.


def own_similarities(wildcards):
    """Return the user's own table; of one that is missing, the stage says better than Snakemake what to do."""
    return [file for file in [CONFIG.similarity.file] if file is not None and os.path.isfile(file)]


use rule stage as compare_languages with:
    input:
        own_similarities,
        texts=paths.texts(ALIGNMENT),
    output:
        similarity="<results>/similarity/languages.csv",
    log:
        "<logs>/compare_languages/languages.log",
    params:
        **of_given(own_similarities, "compare_languages", SLICES.compare_languages()),


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
