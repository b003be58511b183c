from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0006_column")]
    operations = [
        migrations.AddField("product", "added_7", models.TextField(null=True)),
    ]
