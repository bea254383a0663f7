# How similar languages are, and by the subwords of a model.


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
